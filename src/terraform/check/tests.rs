//! The check of each rule of a core: violations are reported at their path.

mod properties;

use super::planned;
use crate::terraform::diagnostic::Severity;
use crate::terraform::notation::{entries, object, schema, state};
use crate::terraform::schema::Block;
use crate::terraform::value::Object;

const ROWS: &str = "req! opt? def?=x both?~ comp~ pin?+wo";

#[test]
fn configured_values_must_be_planned() {
    table(
        ROWS,
        "
        as configured | - | req=a opt=b both=c | req=a opt=b both=c |
        unknown as configured | - | req=? opt=?! | req=? opt=?! |
        a refinement may be lost | - | req=?! | req=? |
        something else | - | req=a | req=b | req
        null | - | req=a |  | req
        unknown though configured | - | req=a both=b | req=? both=? | req both
        another default | - | req=a def=y | req=a def=x | def
        known though unknown | - | req=? | req=a | req
    ",
    );
}

#[test]
fn prior_value_may_stay_in_place_of_configured_one() {
    table(
        ROWS,
        "
        as before | req=a both=b | req=a2 both=b2 | req=a both=b |
        neither | req=a | req=b | req=c | req
        there was none | opt=null | req=a opt=b | req=a | opt
        no longer configured | req=a opt=b | req=a | req=a opt=b | opt
    ",
    );
}

#[test]
fn unset_values_must_be_null_unless_computed() {
    table(
        ROWS,
        "
        nothing | - | req=a | req=a |
        computed ones are free | - | req=a | req=a def=x both=? comp=c |
        computed ones are free to change | req=a comp=c both=b | req=a | req=a comp=d both=c |
        a silent default | - | req=a | req=a opt=b | opt
        an unknown one | - | req=a | req=a opt=? | opt
    ",
    );
}

#[test]
fn write_only_values_must_be_null() {
    table(
        ROWS,
        "
        null | - | req=a pin=1 | req=a |
        as configured | - | req=a pin=1 | req=a pin=1 | pin
        unknown | - | req=a pin=? | req=a pin=? | pin
        though not configured | - | req=a | req=a pin=1 | pin
    ",
    );
    table(
        "block l { pin?+wo }",
        "
        in a block | - | l={ pin=1 } | l={ pin=1 } | l.pin
    ",
    );
}

#[test]
fn blocks_must_follow_configuration() {
    table(
        "block n { a? c~ }",
        "
        none | - |  |  |
        one | - | n={ a=1 } | n={ a=1 c=? } |
        gone | n={ a=1 } |  |  |
        planned for absence | - | n={ a=1 } | n=null | n
        planned for existence | - |  | n={ } | n
        not unknown itself | - | n={ a=1 } | n=? | n
        a rule inside | - | n={ a=1 } | n={ a=2 } | n.a
        the prior value inside | n={ a=1 } | n={ a=2 } | n={ a=1 } |
    ",
    );
}

#[test]
fn unknown_blocks_must_stay_unchanged() {
    table(
        "block n { a? }",
        "
        as it came | - | n=? | n=? |
        as it came, with its refinement | - | n=?! | n=?! |
        without its refinement | - | n=?! | n=? | n
        with a refinement more | - | n=? | n=?! | n
        absent | - | n=? | n=null | n
    ",
    );
}

#[test]
fn checks_blocks_in_blocks() {
    table(
        "block l { block m { block s { a? } } }",
        "
        deep | - | l={ m={ s={ a=1 } } } | l={ m={ s={ a=2 } } } | l.m.s.a
    ",
    );
}

#[test]
fn violation_names_rule_and_attribute_but_no_value() {
    let block = schema(ROWS);
    let violations = planned(&block, None, &object(&block, "req=hunter2"), &object(&block, "req=hunter3"));
    let [violation] = violations.iter().collect::<Vec<_>>()[..] else { panic!("one violation") };
    assert_eq!(violation.severity, Severity::Error);
    assert!(violation.detail.contains("`req`") && violation.detail.contains("neither the configured nor the prior"));
    assert!(!violation.detail.contains("hunter"));
}

/// Checks rows of title, prior state, configuration, planned state and the paths of violations.
#[track_caller]
fn table(of: &'static str, text: &str) {
    let block = schema(of);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [title, prior, config, plan, broken] = cells[..] else { panic!("five cells: {line}") };
        let (prior, config) = (state(&block, prior), object(&block, config));
        let violations = planned(&block, prior.as_ref(), &config, &as_planned(&block, plan));
        let places = violations.iter().map(|violation| violation.path.as_ref().unwrap().to_string());
        assert_eq!(places.collect::<Vec<_>>().join(" "), broken, "{title}: {of}");
    }
}

/// Parses a planned state; blocks that the text does not name are absent.
fn as_planned(block: &Block, text: &str) -> Object {
    let named = entries(text);
    let mut planned = block.complete(named.clone());
    for nested in &block.blocks {
        if named.contains(nested.name) && named.get(nested.name).is_null() {
            planned.set(nested.name, named.get(nested.name).clone());
        }
    }
    planned
}
