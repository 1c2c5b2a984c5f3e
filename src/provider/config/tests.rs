//! Provider blocks and environments, and what becomes of them. Every secret here has `s3cr3t` in it, and no message may.

use std::time::Duration;

use super::limits::DEFAULT_REQUEST_TIMEOUT;
use super::validation::ValidationSettings;
use super::*;

pub(super) type Pairs<'a> = &'a [(&'a str, &'a str)];

pub(super) const CLIENT: Pairs<'_> = &[("client_id", "me"), ("client_secret", "s3cr3t-1")];
pub(super) const KMS_CLIENT: Pairs<'_> =
    &[("KMS_UNIVERSAL_AUTH_CLIENT_ID", "me-kms"), ("KMS_UNIVERSAL_AUTH_CLIENT_SECRET", "s3cr3t-kms")];
pub(super) const KMS_TOKEN: (&str, &str) = ("KMS_TOKEN", "s3cr3t-token-kms");

pub(super) fn block(arguments: Pairs<'_>) -> Object {
    arguments.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect()
}

pub(super) fn resolve_object(object: &Object, variables: Pairs<'_>) -> Result<ResolvedConfig, Diagnostics> {
    let lookup =
        |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
    resolve(object, &lookup)
}

/// The settings of a client, which there must be.
fn client(arguments: Pairs<'_>, variables: Pairs<'_>) -> Settings {
    let resolved = resolve_object(&block(arguments), variables);
    let resolved = resolved.unwrap_or_else(|error| panic!("{arguments:?} {variables:?}: {error:?}"));
    resolved.client.unwrap_or_else(|_| panic!("no client: {arguments:?} {variables:?}"))
}

/// A message on one line, with its argument in front. It must hold no secret and read well.
pub(super) fn text(diagnostic: &Diagnostic) -> String {
    let path = diagnostic.path.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let text = format!("{path}: {}: {}", diagnostic.summary, diagnostic.detail);
    assert!(!text.contains("s3cr3t"), "{text}");
    assert!(text.ends_with('.') && !text.contains(".."), "{text}");
    text
}

fn messages(object: &Object, variables: Pairs<'_>) -> Vec<String> {
    resolve_object(object, variables).err().map(|found| found.iter().map(text).collect()).unwrap_or_default()
}

#[test]
fn an_argument_beats_the_variables_and_the_first_variable_wins() {
    let all = [
        ("KMS_HOST", "https://kms.test"),
        ("KMS_API_URL", "https://api.test/api"),
        ("INFISICAL_HOST", "https://infisical.test"),
        ("INFISICAL_API_URL", "https://infisical-api.test/api/"),
    ];
    for (arguments, variables, expected) in [
        (&[("host", "https://block.test")][..], &all[..], "https://block.test"),
        (&[("host", " ")], &all, "https://kms.test"),
        (&[], &all, "https://kms.test"),
        (&[], &all[1..], "https://api.test"),
        (&[], &all[2..], "https://infisical.test"),
        (&[], &all[3..], "https://infisical-api.test"),
        (&[], &[("KMS_HOST", ""), ("KMS_API_URL", "  "), all[2]], "https://infisical.test"),
        (&[], &[], DEFAULT_HOST),
    ] {
        let settings = client(&[arguments, CLIENT].concat(), variables);
        assert_eq!(settings.base.to_string(), expected, "{arguments:?} {variables:?}");
    }
}

#[test]
fn other_arguments_fall_back_too() {
    let variables: Pairs<'_> = &[
        ("KMS_AUTH_ORGANIZATION_SLUG", "kms-org"),
        ("INFISICAL_AUTH_ORGANIZATION_SLUG", "infisical-org"),
        ("KMS_REQUEST_TIMEOUT", "7s"),
        ("KMS_CUSTOM_HEADERS", " X-One=1   X-Two=a=b "),
    ];
    let settings = client(CLIENT, variables);
    assert_eq!(settings.organization_slug.as_deref(), Some("kms-org"));
    assert_eq!(settings.request_timeout, Duration::from_secs(7));
    let names = format!("{:?}", settings.headers);
    assert!(settings.headers.len() == 2 && names.contains("x-one") && names.contains("x-two"), "{names}");

    let own = [CLIENT, &[("organization_slug", "own"), ("request_timeout", "1m")]].concat();
    let mut object = block(&own);
    object.set("headers", block(&[("X-Own", "s3cr3t")]));
    let resolved = resolve_object(&object, variables).ok().unwrap();
    let settings = resolved.client.ok().unwrap();
    assert_eq!(settings.organization_slug.as_deref(), Some("own"));
    assert_eq!(settings.request_timeout, Duration::from_secs(60));
    let names = format!("{:?}", settings.headers);
    assert!(settings.headers.len() == 1 && names.contains("x-own") && !names.contains("s3cr3t"), "{names}");

    let empty = client(&[CLIENT, &[("organization_slug", ""), ("request_timeout", "")]].concat(), &[]);
    assert_eq!((empty.organization_slug, empty.request_timeout), (None, DEFAULT_REQUEST_TIMEOUT));
}

#[test]
fn retries_and_pace_are_whole_numbers_in_a_range() {
    let of = |name: &'static str, value: Value| {
        let mut object = block(CLIENT);
        object.set(name, value);
        object
    };
    let limits = |object: &Object, variables| {
        let settings = resolve_object(object, variables).ok().unwrap().client.ok().unwrap();
        (settings.max_retries, settings.max_requests_per_minute)
    };
    let variables: Pairs<'_> = &[("KMS_MAX_RETRIES", " 2 "), ("INFISICAL_MAX_REQUESTS_PER_MINUTE", "30")];
    assert_eq!(limits(&block(CLIENT), &[]), (5, None));
    assert_eq!(limits(&block(CLIENT), variables), (2, Some(30)));
    assert_eq!(limits(&of("max_retries", Value::from(0)), variables), (0, Some(30)));
    assert_eq!(limits(&of("max_requests_per_minute", Value::from(7)), variables), (2, Some(7)));

    let half = Value::Number("1.5".parse().unwrap());
    for (name, value, rule) in [
        ("max_retries", Value::from(-1), "a whole number from 0 to 20"),
        ("max_retries", Value::from(21), "a whole number from 0 to 20"),
        ("max_retries", half.clone(), "a whole number from 0 to 20"),
        ("max_requests_per_minute", Value::from(0), "a whole number from 1 to 100000"),
        ("max_requests_per_minute", half, "a whole number from 1 to 100000"),
    ] {
        let expected = format!("{name}: Invalid number: `{name}`: it takes {rule}.");
        assert_eq!(messages(&of(name, value), &[]), [expected]);
    }
    for variable in ["KMS_MAX_RETRIES", "KMS_MAX_REQUESTS_PER_MINUTE"] {
        let found = messages(&block(CLIENT), &[(variable, "many")]);
        assert!(found.len() == 1 && found[0].contains(variable), "{found:?}");
    }
}

pub(super) fn with<'a>(pairs: Pairs<'a>, more: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    [pairs, &[more]].concat()
}

#[test]
fn bad_values_are_errors_that_name_the_argument_or_the_variable() {
    let broken = "-----BEGIN CERTIFICATE-----\ns3cr3t\n-----END CERTIFICATE-----";
    let missing = "/nonexistent/ca.pem";
    for (arguments, variables, expected) in [
        (&[("host", "kms.test")][..], &[][..], "host: Invalid KMS address: `host`: the address of the KMS must begin"),
        (&[("host", "https://me:s3cr3t@kms.test")], &[], "host: Invalid KMS address: `host`: the address"),
        (&[("host", "http://kms.test")], &[], "host: Invalid KMS address: `host`: the address of the KMS, `http://k"),
        (&[], &[("KMS_HOST", "kms.test")], "-: Invalid KMS address: The environment variable `KMS_HOST`: the addre"),
        (&[], &[("INFISICAL_HOST", "http://a.test")], "-: Invalid KMS address: The environment variable `INFISICAL_HO"),
        (&[("auth_method", "ldap")], &[], "auth_method: Unknown authentication method: `auth_method`: this is not a"),
        (
            &[],
            &[("KMS_AUTH_METHOD", "ldap")],
            "-: Unknown authentication method: The environment variable `KMS_AUTH_ME",
        ),
        (
            &[("request_timeout", "5")],
            &[],
            "request_timeout: Invalid duration: `request_timeout`: this is not a durati",
        ),
        (&[], &[("KMS_REQUEST_TIMEOUT", "5")], "-: Invalid duration: The environment variable `KMS_REQUEST_TIMEOUT`: "),
        (&[("ca_certificate", "s3cr3t")], &[], "ca_certificate: Invalid CA certificate: `ca_certificate`: there is no"),
        (&[("ca_certificate", broken)], &[], "ca_certificate: Invalid CA certificate: `ca_certificate`: "),
        (
            &[("ca_certificate_file", missing)],
            &[],
            "ca_certificate_file: Unreadable certificate file: `ca_certificate_file`: the file `/nonexistent/ca.pem` can",
        ),
        (
            &[],
            &[("KMS_CA_CERTIFICATE_FILE", missing)],
            "-: Unreadable certificate file: The environment variable `KMS_CA_CERTIFICATE_FILE`: the file",
        ),
        (
            &[],
            &[("KMS_CA_CERTIFICATE_FILE", "-----BEGIN PRIVATE KEY-----\ns3cr3t")],
            "-: Unreadable certificate file: The environment variable `KMS_CA_CERTIFICATE_FILE`: it takes the path",
        ),
        (&[], &[("KMS_CUSTOM_HEADERS", "X-One")], "-: Invalid HTTP headers: The environment variable `KMS_CUSTOM_HEA"),
        // A value with a space in it: its second half is no name of a header.
        (&[], &[("KMS_CUSTOM_HEADERS", "X-Auth=Basic s3cr3t/==")], "-: Invalid HTTP headers: The environment variable"),
        (&[], &[("KMS_CUSTOM_HEADERS", "Host=a")], "-: Invalid HTTP headers: The environment variable `KMS_CUSTOM_H"),
        (&[], &[("KMS_VALIDATION", "maybe")], "-: Invalid environment variable: `KMS_VALIDATION` takes `plan`"),
    ] {
        let found = messages(&block(arguments), &with(variables, KMS_TOKEN));
        assert_eq!(found.len(), 1, "{arguments:?} {variables:?}: {found:?}");
        assert!(found[0].starts_with(expected), "expected {expected}\n   found {}", found[0]);
    }
}

#[test]
fn bad_headers_are_named_without_their_values() {
    for (name, value, expected) in [
        ("X One", "s3cr3t", "the name of a header is not one that http allows"),
        ("X-One: s3cr3t", "", "the name of a header is not one that http allows"),
        ("X-One", "s3cr3t\r\nX-Two: s3cr3t", "the value of the header `x-one`"),
        ("Authorization", "Bearer s3cr3t", "`authorization` is set by the provider itself"),
    ] {
        let mut object = block(CLIENT);
        object.set("headers", block(&[(name, value)]));
        let found = messages(&object, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("headers: Invalid HTTP headers: `headers`: "), "{found:?}");
        assert!(found[0].to_lowercase().contains(expected), "{found:?}");
    }
}

#[test]
fn clear_text_goes_to_this_machine_only_unless_it_is_allowed() {
    for (host, allowed, good) in [
        ("http://127.0.0.1:8080", None, true),
        ("http://[::1]:8080", Some(false), true),
        ("http://localhost:8080", None, true),
        ("http://10.0.0.1", None, false),
        ("http://10.0.0.1", Some(false), false),
        ("http://10.0.0.1", Some(true), true),
        ("https://10.0.0.1", None, true),
    ] {
        let mut object = block(&[CLIENT, &[("host", host)]].concat());
        object.set("allow_insecure_host", allowed);
        assert_eq!(messages(&object, &[]).is_empty(), good, "{host} {allowed:?}");
        // The same from the environment.
        object.set("host", Value::Null);
        assert_eq!(messages(&object, &[("KMS_HOST", host)]).is_empty(), good, "{host} {allowed:?}");
    }
}

#[test]
fn unknown_arguments_are_remembered_and_are_no_errors() {
    for name in ProviderBlock::FIELDS.iter().filter(|name| **name != "validation") {
        let mut object = block(CLIENT);
        object.set(*name, Value::unknown());
        assert!(validate(&object).is_empty(), "{name}");
        let resolved = resolve_object(&object, &[]).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let Err(NoClient::Unknown(names)) = resolved.client else { panic!("{name} was forgotten") };
        assert_eq!(names, [*name]);
    }
    // One unknown element makes the headers unknown.
    let mut headers = block(&[("X-One", "1")]);
    headers.set("X-Two", Value::unknown());
    let mut object = block(CLIENT);
    object.set("headers", headers);
    let resolved = resolve_object(&object, &[("KMS_CUSTOM_HEADERS", "a=b")]).ok().unwrap();
    assert!(matches!(resolved.client, Err(NoClient::Unknown(names)) if names == ["headers"]));
    // An unknown setting of the validation is a matter of the validation.
    let mut object = block(CLIENT);
    object.set("validation", Value::unknown());
    let resolved = resolve_object(&object, &[]).ok().unwrap();
    assert!(resolved.client.is_ok() && resolved.validation.with(&ValidationSettings::default()).is_none());
}

#[test]
fn one_certificate_argument_at_a_time() {
    let pem = rcgen::generate_simple_self_signed(["kms.test".to_owned()]).unwrap().cert.pem();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, pem.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let both = [CLIENT, &[("ca_certificate", pem.as_str()), ("ca_certificate_file", path)]].concat();
    let found = messages(&block(&both), &[]);
    assert!(found.len() == 1 && found[0].starts_with("ca_certificate_file: Two certificate arguments: "), "{found:?}");
    // What is unknown may be null: older cores know no variable when they validate.
    let mut object = block(&both);
    object.set("ca_certificate", Value::unknown());
    assert!(validate(&object).is_empty());
    for (arguments, variables, expected) in [
        (&[][..], &[][..], false),
        (&[("ca_certificate", pem.as_str())], &[("KMS_CA_CERTIFICATE_FILE", "/nonexistent")], true),
        (&[("ca_certificate_file", path)], &[("KMS_CA_CERTIFICATE_FILE", "/nonexistent")], true),
        (&[], &[("KMS_CA_CERTIFICATE_FILE", path)], true),
        (&[("ca_certificate", ""), ("ca_certificate_file", "")], &[("INFISICAL_CA_CERTIFICATE_FILE", path)], true),
    ] {
        let settings = client(&[CLIENT, arguments].concat(), variables);
        assert_eq!(settings.ca_certificates.is_some(), expected, "{arguments:?} {variables:?}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let object = block(&[("host", "kms.test"), ("auth_method", "ldap"), ("request_timeout", "soon")]);
    let paths: Vec<_> = validate(&object).iter().map(|found| found.path.clone().unwrap().to_string()).collect();
    assert_eq!(paths, ["host", "auth_method", "request_timeout"]);
    let found = messages(&Object::new(), &[("KMS_HOST", "kms.test"), ("KMS_REQUEST_TIMEOUT", "soon")]);
    assert_eq!(found.len(), 2, "{found:?}");
}

/// What people paste: understood, or named for what it is.
#[test]
fn pasted_values_are_understood_or_named() {
    let client = |arguments: Pairs<'_>, variables: Pairs<'_>| client(arguments, variables);
    let token = |arguments: Pairs<'_>, variables: Pairs<'_>| match client(arguments, variables).login.proof() {
        crate::kms::Proof::Given(token) => token.expose().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(token(&[("token", "Bearer s3cr3t.x")], &[]), "s3cr3t.x");
    assert_eq!(token(&[], &[("KMS_TOKEN", "bearer  s3cr3t.x\n")]), "s3cr3t.x");
    let jwt: Pairs<'_> = &[("auth_method", "jwt"), ("identity_id", "id")];
    assert_eq!(token(&[jwt, &[("jwt", "Bearer s3cr3t.x")]].concat(), &[]), "s3cr3t.x");
    assert_eq!(client(CLIENT, &[("KMS_HOST", "https://kms.test/api/v1/")]).base.to_string(), "https://kms.test");
    let mut object = block(CLIENT);
    object.set("headers", block(&[("X-Key", "s3cr3t\n")]));
    assert!(messages(&object, &[]).is_empty());

    let jwt_file = |file: &'static str| [jwt, &[("jwt_file", file)]].concat();
    for (arguments, variables, expected) in [
        (
            [CLIENT, &[("host", "\"https://kms.test\"")]].concat(),
            &[][..],
            "host: Invalid KMS address: `host`: the address of the KMS must begin with `https://`; it begins with a quote.",
        ),
        (
            vec![],
            &[("KMS_TOKEN", "\"s3cr3t\"")],
            "-: Quotes in a value: The environment variable `KMS_TOKEN`: the value is in quotes, which are a part of it here. Remove \
             them.",
        ),
        (
            vec![("client_id", "'me'"), ("client_secret", "s3cr3t")],
            &[],
            "client_id: Quotes in a value: `client_id`: the value is in quotes, which are a part of it here. Remove them.",
        ),
        (
            vec![("token", "s3cr3t s3cr3t")],
            &[],
            "token: This is not a token: `token`: it holds spaces, line breaks or other characters that no token has.",
        ),
        (
            vec![("token", "/var/run/token")],
            &[],
            "token: This is not a token: `token`: it takes the token itself, not the path of a file. For a path there is the \
             argument `jwt_file`.",
        ),
        (
            jwt_file("eyJs3cr3t.x.y"),
            &[],
            "jwt_file: A token in place of a path: `jwt_file`: it takes the path of a file, not the token itself. That goes into \
             the argument `jwt`.",
        ),
        (
            CLIENT.to_vec(),
            &[("KMS_CA_CERTIFICATE_FILE", "/dev/zero")],
            "-: Unreadable certificate file: The environment variable `KMS_CA_CERTIFICATE_FILE`: the file `/dev/zero` cannot be \
             read: it is a device, not a regular file.",
        ),
        (
            [CLIENT, &[("ca_certificate_file", "~/ca.pem")]].concat(),
            &[],
            "ca_certificate_file: Unreadable certificate file: `ca_certificate_file`: the file `~/ca.pem` cannot be read: No such \
             file or directory; `~` is not expanded here.",
        ),
        (
            [CLIENT, &[("ca_certificate", "/etc/ssl/ca.pem")]].concat(),
            &[],
            "ca_certificate: Invalid CA certificate: `ca_certificate`: there is no certificate in it, but a path, which belongs in \
             `ca_certificate_file`; PEM certificates begin with `-----BEGIN CERTIFICATE-----`.",
        ),
        (
            CLIENT.to_vec(),
            &[("KMS_CUSTOM_HEADERS", "Host=kms.test")],
            "-: Invalid HTTP headers: The environment variable `KMS_CUSTOM_HEADERS`: the header `host` is set by the provider \
             itself.",
        ),
    ] {
        assert_eq!(messages(&block(&arguments), variables), [expected]);
    }
}
