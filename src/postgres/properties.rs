//! No input of a server or a user panics or grows without limit, and no message shows the password.

use proptest::prelude::*;

use crate::postgres::Channel;
use crate::postgres::guard::{Guard, Violation};
use crate::postgres::server_error::ServerError;
use crate::postgres::tls::pem::Certificates;
use crate::postgres::tls::presented::Presented;
use crate::postgres::tls::verify::Certificate;

const PASSWORD: &str = "hünter2";
const CA: &str = include_str!("../../tests/support/ca.pem");

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn errors_of_a_server_do_no_harm(fields in some_fields(), more in prop::collection::vec(any::<u8>(), 0..20)) {
        for body in [[fields.clone(), more.clone()].concat(), [more, fields].concat()] {
            let texts = ServerError::from_body(&body, PASSWORD).map(|error| {
                let _ = (error.reason(true), error.reason(false));
                format!("{} {} {}", error.sqlstate, error.message, error.detail.unwrap_or_default())
            });
            for text in texts.into_iter().chain(ServerError::text_of(&body, PASSWORD)) {
                prop_assert!(!text.contains("nter2"), "{text}");
                prop_assert!(text.chars().all(crate::text::is_plain) && text.chars().count() < 1300, "{text:?}");
            }
        }
    }

    #[test]
    fn an_error_in_order_is_read(
        code in "[0-9A-Z]{5}", message in "[!-~][ -~]{0,80}", detail in prop::option::of("[!-~]{1,40}"), v in any::<bool>(),
    ) {
        let mut body = format!("SFATAL\0C{code}\0M{message}\0");
        if let Some(detail) = &detail {
            body += &format!("D{detail}\0");
        }
        if v {
            body += "VFATAL\0";
        }
        let spaced = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = ServerError { sqlstate: code, message: spaced(&message), detail, by_pooler: !v };
        prop_assert_eq!(ServerError::from_body(format!("{body}\0").as_bytes(), ""), Some(expected));
    }

    #[test]
    fn the_guard_says_the_same_however_the_bytes_come(
        messages in prop::collection::vec(a_message(), 0..8),
        noise in prop::collection::vec(any::<u8>(), 0..40),
        sizes in prop::collection::vec(1..64usize, 1..10),
        safe in any::<bool>(),
    ) {
        let bytes = [messages.concat(), noise].concat();
        let at_once = Guard::new((), (!safe).then_some(Channel::Plain)).check(&[&bytes]);
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        for size in sizes.iter().cycle() {
            let (piece, tail) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        let in_pieces = Guard::new((), (!safe).then_some(Channel::Plain)).check(&pieces);
        let foreign = |result: &Result<(), Violation>| matches!(result, Err(Violation::NotPostgres(_)));
        // How much of another protocol was read depends on the pieces.
        prop_assert!(at_once == in_pieces || foreign(&at_once) && foreign(&in_pieces), "{at_once:?} {in_pieces:?}");
    }

    #[test]
    fn any_pem_does_no_harm(text in any::<String>(), label in "[A-Z ]{0,20}", damage in some_damage()) {
        let wrapped = format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
        let damaged = String::from_utf8_lossy(&damaged(CA.as_bytes(), &damage)).into_owned();
        for pem in [text, wrapped, damaged.clone(), format!("{CA}{damaged}")] {
            match Certificates::parse(&pem) {
                Ok(certificates) => prop_assert!(certificates.expire_at().is_some()),
                Err(error) => prop_assert!(error.to_string().len() < 3000, "{error}"),
            }
        }
    }

    #[test]
    fn a_damaged_certificate_does_no_harm(damage in some_damage(), cut in any::<prop::sample::Index>()) {
        let whole = Certificates::parse(CA).unwrap().as_slice()[0].to_vec();
        let mut bytes = damaged(&whole, &damage);
        for _ in 0..2 {
            if let Some(presented) = Presented::read(&bytes) {
                let printed = format!("{}{}{}", presented.subject, presented.issuer, presented.names.concat());
                prop_assert!(!printed.contains(char::is_control), "{printed:?}");
            }
            if let Some(certificate) = Certificate::read(&bytes) {
                let _ = (certificate.is_self_signed(), certificate.is_authority());
            }
            bytes.truncate(cut.index(whole.len()));
        }
    }
}

/// Fields of an ErrorResponse, in order or not, some with the password in them.
fn some_fields() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        ".{0,20}".prop_map(|text| format!("{text}{PASSWORD}").into_bytes()),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| [&bytes, PASSWORD.as_bytes(), &[0xff]].concat()),
        "pg_hba.conf|.{0,500}|role \"x\" does not exist".prop_map(String::into_bytes),
    ];
    let letter = prop::sample::select(b"SVCMDHPqWstcdnFLR".to_vec());
    let field = (letter, text).prop_map(|(letter, text)| [&[letter], text.as_slice(), &[0]].concat());
    prop::collection::vec(field, 0..6).prop_map(|fields| fields.concat())
}

/// A frame of the protocol, with any body.
fn a_message() -> impl Strategy<Value = Vec<u8>> {
    let tag = prop_oneof![8 => prop::sample::select(b"RENvSKZ".to_vec()), 1 => any::<u8>()];
    let code = prop_oneof![Just(Vec::new()), (0..14u32).prop_map(|code| code.to_be_bytes().to_vec())];
    let data = prop_oneof![
        Just(b"SCRAM-SHA-256\0\0".to_vec()),
        (0..200_000u32).prop_map(|count| format!("r=a,s=b,i={count}").into_bytes()),
        prop::collection::vec(any::<u8>(), 0..60),
    ];
    (tag, code, data).prop_map(|(tag, code, data)| {
        let length = u32::try_from(code.len() + data.len() + 4).unwrap();
        [&[tag][..], &length.to_be_bytes(), &code, &data].concat()
    })
}

fn some_damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)
}

fn damaged(bytes: &[u8], damage: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (index, byte) in damage {
        let index = index.index(bytes.len());
        bytes[index] = *byte;
    }
    bytes
}
