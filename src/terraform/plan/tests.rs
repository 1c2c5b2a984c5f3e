//! Plans by the schema alone, in the notation of `terraform::notation`.

use super::{Proposal, ResolvedPlan, differs, keep_prior_spelling, propose, resolve_unknowns};
use crate::terraform::notation::{entries, object, proposed, refined, schema, show, state};
use crate::terraform::value::Value;

const BALL: &str = "id~+kept name! owner?+replaces zone?~ size?=10 seen~ pin?+wo";

#[test]
fn plans_configured_else_prior_else_default_value() {
    table(BALL, "
        old = id=1 name=a owner=n zone=z size=10 seen=s
        unset computed values are unknown | - | name=a | id=? name=a zone=? size=10 seen=? |
        set values stay | - | name=a owner=n zone=z size=5 | id=? name=a owner=n zone=z size=5 seen=? |
        an unknown argument stays unknown | - | name=? owner=? size=? | id=? name=? owner=? zone=? size=? seen=? |
        a refinement stays | - | name=?! zone=?! | id=? name=?! zone=?! size=10 seen=? |
        nothing changes | old | name=a owner=n | old |
        nothing changes where all values are set | old | name=a owner=n zone=z size=10 | old |
        a change makes computed values unknown | old | name=b owner=n | id=1 name=b owner=n zone=? size=10 seen=? |
        set values do not become unknown | old | name=b owner=n zone=z | id=1 name=b owner=n zone=z size=10 seen=? |
        a change of an optional and computed one | old | name=a owner=n zone=y | id=1 name=a owner=n zone=y size=10 seen=? |
        an unknown argument is a change | old | name=? owner=n | id=1 name=? owner=n zone=? size=10 seen=? |
        a changed size | old | name=a owner=n size=5 | id=1 name=a owner=n zone=? size=5 seen=? |
        a default comes back when the argument is removed | id=1 name=a owner=n zone=z size=5 seen=s | name=a owner=n | id=1 name=a owner=n zone=? size=10 seen=? |
        a default is a change for an object that is older than it | id=1 name=a zone=z seen=s | name=a | id=1 name=a zone=? size=10 seen=? |
        a computed value that could not be learned is no change | name=a size=10 | name=a | name=a size=10 |
        a kept value that could not be learned is learned with the next change | name=a size=10 | name=b | id=? name=b zone=? size=10 seen=? |
    ");
}

#[test]
fn write_only_values_are_never_planned() {
    table(
        BALL,
        "
        old = id=1 name=a owner=n zone=z size=10 seen=s
        on create | - | name=a pin=1 | id=? name=a zone=? size=10 seen=? |
        a change of one alone changes nothing | old | name=a owner=n pin=1 | old |
        nor does an unknown one | old | name=a owner=n pin=? | old |
        with another change | old | name=b owner=n pin=1 | id=1 name=b owner=n zone=? size=10 seen=? |
    ",
    );
    table(
        "name! block s { pin?+wo block t { pin?+wo } }",
        "
        in blocks | - | name=a s={ pin=1 t={ pin=1 } } | name=a s={ t={ } } |
    ",
    );
}

#[test]
fn changed_argument_with_requires_replace_replaces() {
    const ALL: &str = "a!+replaces b?+replaces c?=x+replaces d?~+replaces e?~+replaces+kept seen~";
    table(
        ALL,
        "
        old = a=1 b=1 c=x d=1 e=1 seen=s
        none changes | old | a=1 b=1 | old |
        one changes | old | a=2 b=1 | a=2 b=1 c=x d=? e=1 seen=? | a
        one is unknown | old | a=? b=1 | a=? b=1 c=x d=? e=1 seen=? | a
        one is removed | old | a=1 | a=1 c=x d=? e=1 seen=? | b
        one leaves its default | old | a=1 b=1 c=y | a=1 b=1 c=y d=? e=1 seen=? | c
        one goes back to its default | a=1 b=1 c=y d=1 e=1 seen=s | a=1 b=1 | a=1 b=1 c=x d=? e=1 seen=? | c
        a computed one is set | old | a=1 b=1 d=2 | a=1 b=1 c=x d=2 e=1 seen=? | d
        a computed one is no longer set | old | a=1 b=1 d=1 | old |
        several | old | a=2 e=2 | a=2 c=x d=? e=2 seen=? | a b e
        never on create | - | a=1 | a=1 c=x d=? e=? seen=? |
    ",
    );
    // An unset value that is unknown only because another argument changes replaces nothing.
    table(
        "name! zone?~+replaces",
        "
        another one changes | name=a zone=z | name=b | name=b zone=? |
    ",
    );
}

#[test]
fn keeps_prior_spelling_of_equal_values() {
    table(
        BALL,
        "
        old = id=1 name=a owner=n zone=z size=10 seen=s
        with spaces | id=1 name=a owner=n zone=z size=10 seen=s | name=_a_ owner=n | old |
        the other way round | id=1 name=_a_ size=10 | name=a | id=1 name=_a_ size=10 |
        of a replacing one | id=1 name=a owner=_n size=10 | name=a owner=n | id=1 name=a owner=_n size=10 |
        of a default | id=1 name=a size=_10 | name=a | id=1 name=a size=_10 |
        of an optional and computed one | id=1 name=a zone=_z size=10 | name=a zone=z | id=1 name=a zone=_z size=10 |
        not of what was null | id=1 name=a size=10 | name=a owner=_ | id=1 name=a owner=_ zone=? size=10 seen=? | owner
    ",
    );
}

#[test]
fn ignored_changes_plan_no_change() {
    table(
        BALL,
        "
        old = id=1 name=a owner=n zone=z size=10 seen=s
        one argument | old | name=a owner=n size=10 | old |
        all of them | old | name=a owner=n zone=z size=10 | old |
        one that is not the default | id=1 name=a size=5 | name=a size=5 | id=1 name=a size=5 |
    ",
    );
}

#[test]
fn blocks_follow_configuration() {
    const ALL: &str = "
        old = name=a seen=s n=<a=1 b=x c=1 d=2 e=3>
        created with | - | name=a n=<a=1> | name=a seen=? n=<a=1 b=x c=? d=? e=?> |
        unknown inside | - | name=a n=<a=? b=?! e=?> | name=a seen=? n=<a=? b=?! c=? d=? e=?> |
        nothing changes | old | name=a n=<a=1> | old |
        nothing changes where all values are set | old | name=a n=<a=1 b=x e=3> | old |
        something else changes | old | name=b n=<a=1> | name=b seen=? n=<a=1 b=x c=? d=2 e=?> |
        a default comes back | name=a seen=s n=<a=1 b=y c=1 d=2 e=3> | name=a n=<a=1> | name=a seen=? n=<a=1 b=x c=? d=2 e=?> |
        unknown as a whole | old | name=a n=? | name=a seen=? n=? |
        unknown as a whole, but not null | - | name=a n=?! | name=a seen=? n=?! |
    ";
    const CHANGED: &str =
        "changed | name=a seen=s n=<a=1 b=x c=1 d=2 e=3> | name=a n=<a=2> | name=a seen=? n=<a=2 b=x c=? d=2 e=?> |";
    const ABSENT: &str = "
        created without | - | name=a | name=a seen=? |
        nothing changes without | name=a seen=s | name=a | name=a seen=s |
        added | name=a seen=s | name=a n=<a=1> | name=a seen=? n=<a=1 b=x c=? d=? e=?> |
        removed | name=a seen=s n=<a=1 b=x c=1 d=2 e=3> | name=a | name=a seen=? |
    ";
    for text in [ALL, CHANGED, ABSENT] {
        let text = text.replace('<', "{ ").replace('>', " }");
        table("name! seen~ block n { a! b?=x c~ d~+kept e?~ }", &text);
    }
}

#[test]
fn nested_blocks_follow_configuration() {
    table(
        "block n { block s { a! c~ } }",
        "
        inside | - | n={ s={ a=1 } } | n={ s={ a=1 c=? } } |
        absent inside | - | n={ } | n={ } |
        unchanged | n={ s={ a=1 c=1 } } | n={ s={ a=1 } } | n={ s={ a=1 c=1 } } |
        unknown inside | - | n={ s=?! } | n={ s=?! } |
    ",
    );
}

#[test]
fn omits_write_only_values_of_blocks_missing_in_proposal() {
    let block = schema("block n { a! c~ pin?+wo }");
    let config = object(&block, "n={ a=1 pin=1 }");
    for proposed in ["", "n=?", "n=null"] {
        let plan = propose(&block, None, &entries(proposed), &config, &trimmed);
        assert_eq!(show(&plan.state), "n={ a=1 c=? }");
    }
}

#[test]
fn apply_resolves_unknown_values_from_response() {
    const BLOCKS: &str = "id~ name! owner? pin?+wo block s { a? c~ }";
    for (title, planned, response, resolved, disagreements) in [
        ("unknown values", "id=? name=a", "id=1 name=a", "id=1 name=a", ""),
        ("a refined one", "id=?! name=a", "id=1 name=a", "id=1 name=a", ""),
        ("one that the response lacks is null", "id=? name=a", "name=a", "name=a", ""),
        ("one that is unknown in the response is null", "id=? name=a", "id=? name=a", "name=a", ""),
        (
            "the plan wins and the difference is reported",
            "id=? name=a",
            "id=1 name=b owner=n",
            "id=1 name=a",
            "name owner",
        ),
        ("another spelling is no disagreement", "id=1 name=_a", "id=1 name=a", "id=1 name=_a", ""),
        (
            "a value that the response lacks is a disagreement",
            "id=1 name=a owner=n",
            "id=1 name=a",
            "id=1 name=a owner=n",
            "owner",
        ),
        ("a write-only value stays out", "id=1 name=a", "id=1 name=a pin=1", "id=1 name=a", ""),
        ("in blocks", "id=1 name=a s={ a=1 c=? }", "id=1 name=a s={ a=2 c=2 }", "id=1 name=a s={ a=1 c=2 }", ""),
        ("a block that the response lacks", "id=1 name=a s={ a=1 c=? }", "id=1 name=a", "id=1 name=a s={ a=1 }", ""),
        ("a block that only the response has", "id=1 name=a", "id=1 name=a s={ a=1 }", "id=1 name=a", ""),
    ] {
        let block = schema(BLOCKS);
        let ResolvedPlan { state, disagreements: found } =
            resolve_unknowns(&block, &object(&block, planned), &entries(response), &trimmed);
        assert_eq!(show(&state), show(&object(&block, resolved)), "{title}");
        assert!(state == object(&block, resolved) && state.values().all(Value::is_wholly_known), "{title}");
        assert_eq!(found.join(" "), disagreements, "{title}");
    }
}

#[test]
fn apply_resolves_unknown_elements() {
    let block = schema("l~");
    for (planned, response, resolved) in [
        ("l=[ a ? ]", "l=[ a b ]", "l=[ a b ]"),
        ("l=[ a ? ]", "l=[ a ]", "l=[ a null ]"),
        ("l=[ ? ]", "l=null", "l=[ null ]"),
    ] {
        assert_eq!(show(&resolve_unknowns(&block, &entries(planned), &entries(response), &trimmed).state), resolved);
    }
}

#[test]
fn refresh_returns_response_in_prior_spelling() {
    for (title, before, response, after) in [
        ("drift shows", "name=a owner=n", "name=b", "name=b"),
        ("the same keeps its spelling", "name=_a owner=n_", "name=a owner=n", "name=_a owner=n_"),
        ("empty and absent are the same where the resource treats them so", "name=a", "name=a owner=_", "name=a"),
        ("after an import all values are those of the response", "", "name=_a owner=n", "name=_a owner=n"),
        ("a write-only value stays out", "name=a", "name=a pin=1", "name=a"),
        ("also in blocks", "name=a", "name=a l={ a=1 pin=1 }", "name=a l={ a=1 }"),
        ("names outside of the schema are dropped", "name=a", "name=a more=x", "name=a"),
        ("blocks are those of the response", "name=a l={ a=1 }", "name=a l={ a=2 }", "name=a l={ a=2 }"),
    ] {
        let block = schema("name! owner? pin?+wo block l { a? pin?+wo }");
        let respelled = keep_prior_spelling(&block, &object(&block, before), entries(response), &trimmed);
        assert_eq!(show(&respelled), show(&object(&block, after)), "{title}");
        assert!(respelled == object(&block, after), "{title}");
    }
}

#[test]
fn unknown_value_at_any_depth_is_a_difference() {
    for (prior, planned, different) in [
        ("a=1", "a=1", false),
        ("a=1", "a=2", true),
        ("a=1", "a=?", true),
        ("a=1", "a=null", true),
        ("b=1", "a=null b=1", false),
        ("a=[ { b=1 } ]", "a=[ { b=1 } ]", false),
        ("a=[ { b=1 } ]", "a=[ { b=? } ]", true),
        ("a=?", "a=?", true),
    ] {
        assert_eq!(differs(&entries(prior), &entries(planned)), different, "{prior} -> {planned}");
    }
}

#[test]
fn notation_parses_and_prints_values() {
    let block = schema("a! b?~ block s { c?=1 } block g { d~+kept }");
    assert_eq!(block.attributes.len(), 2);
    let value = object(&block, "a=_x b=?! s={ c=? } g={ }");
    assert_eq!(value.get("a").as_str(), Some(" x"));
    assert!(*value.get("b") == refined() && *value.get("g") == Value::from(entries("d=null")));
    assert_eq!(show(&value), "a=_x b=?! g={  } s={ c=? }");
}

/// Checks rows of title, prior state, configuration, planned state and replaced paths. A line `old = …` defines `old`.
#[track_caller]
fn table(of: &'static str, text: &str) {
    let block = schema(of);
    let mut old = "";
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(alias) = line.strip_prefix("old = ") {
            old = alias;
            continue;
        }
        let cells: Vec<_> = line.split('|').map(str::trim).map(|cell| if cell == "old" { old } else { cell }).collect();
        let [title, prior, config, planned, replaced] = cells[..] else { panic!("five cells: {line}") };
        let (prior, config) = (state(&block, prior), object(&block, config));
        let proposed = proposed(&block, prior.as_ref(), &config);
        let Proposal { state, replace } = propose(&block, prior.as_ref(), &proposed, &config, &trimmed);
        assert_eq!(show(&state), show(&object(&block, planned)), "{title}: {of}");
        assert!(state == object(&block, planned), "{title}");
        assert_eq!(replace.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), replaced, "{title}");
    }
}

/// Returns whether two values are equal without whitespace at both ends; only whitespace equals null.
fn trimmed(_: &str, a: &Value, b: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
    let is_text = |value: &Value| value.is_null() || value.as_str().is_some();
    a == b || is_text(a) && is_text(b) && text(a) == text(b)
}
