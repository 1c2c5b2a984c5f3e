//! Provider blocks and environments, and the settings or messages that result. Each secret contains `s3cr3t`, and no message does.

use std::time::Duration;

use expect_test::expect;

use super::validation::ValidationSettings;
use super::*;
use crate::provider::messages::settings::config_errors;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};

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

pub(super) fn resolve(object: &Object, variable: env::Lookup<'_>) -> Result<ResolvedConfig, Diagnostics> {
    parse(object).and_then(|arguments| arguments.resolve(variable)).map_err(config_errors)
}

fn validate(object: &Object) -> Diagnostics {
    parse(object).map_or_else(config_errors, |_| Diagnostics::new())
}

/// The names of the arguments, without blocks.
pub(super) fn arguments() -> Vec<&'static str> {
    schema().block.attributes.iter().map(|attribute| attribute.name).collect()
}

/// The settings of the client.
fn client(arguments: Pairs<'_>, variables: Pairs<'_>) -> Settings {
    let resolved = resolve_object(&block(arguments), variables);
    let resolved = resolved.unwrap_or_else(|error| panic!("{arguments:?} {variables:?}: {error:?}"));
    resolved.client.unwrap_or_else(|_| panic!("no client: {arguments:?} {variables:?}"))
}

/// A message with its argument in front. Checks that it has no secret.
pub(super) fn text(diagnostic: &Diagnostic) -> String {
    let path = diagnostic.path.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let text = format!("{path}: {}: {}", diagnostic.summary, diagnostic.detail);
    assert!(!text.contains("s3cr3t"), "{text}");
    assert!(!text.contains("..") && text.lines().count() <= 20, "{text}");
    text
}

fn messages(object: &Object, variables: Pairs<'_>) -> Vec<String> {
    resolve_object(object, variables).err().map(|found| found.iter().map(text).collect()).unwrap_or_default()
}

#[test]
fn takes_argument_first_then_the_first_variable() {
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
fn takes_other_arguments_from_the_environment() {
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
    assert_eq!((empty.organization_slug, empty.request_timeout), (None, Settings::DEFAULT_REQUEST_TIMEOUT));
}

#[test]
fn accepts_whole_numbers_in_range_only() {
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
        let rule = format!("The argument `{name}` is not valid: it must be {rule}.");
        let expected = format!("{name}: Invalid number: `{name}`: {rule}");
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
fn reports_invalid_values_at_their_argument_or_variable() {
    let broken = "-----BEGIN CERTIFICATE-----\ns3cr3t\n-----END CERTIFICATE-----";
    let mut found = Vec::new();
    for (arguments, variables) in [
        (&[("host", "kms.test")][..], &[][..]),
        (&[("host", "https://me:s3cr3t@kms.test")], &[]),
        (&[("host", "\"https://kms.test\"")], &[]),
        (&[("host", "http://kms.test")], &[]),
        (&[], &[("KMS_HOST", "kms.test")]),
        (&[], &[("INFISICAL_HOST", "http://a.test")]),
        (&[("auth_method", "ldap")], &[]),
        (&[], &[("KMS_AUTH_METHOD", "ldap")]),
        (&[("request_timeout", "5")], &[]),
        (&[], &[("KMS_REQUEST_TIMEOUT", "5")]),
        (&[("ca_certificate", "s3cr3t")], &[]),
        (&[("ca_certificate", "/etc/ssl/ca.pem")], &[]),
        (&[("ca_certificate", broken)], &[]),
        (&[("ca_certificate_file", "/nonexistent/ca.pem")], &[]),
        (&[("ca_certificate_file", "~/ca.pem")], &[]),
        (&[], &[("KMS_CA_CERTIFICATE_FILE", "/nonexistent/ca.pem")]),
        (&[], &[("KMS_CA_CERTIFICATE_FILE", "/dev/zero")]),
        (&[], &[("KMS_CA_CERTIFICATE_FILE", "-----BEGIN PRIVATE KEY-----\ns3cr3t")]),
        (&[], &[("KMS_CUSTOM_HEADERS", "X-One")]),
        // A value with a space: its second half is not the name of a header.
        (&[], &[("KMS_CUSTOM_HEADERS", "X-Auth=Basic s3cr3t/==")]),
        (&[], &[("KMS_CUSTOM_HEADERS", "Host=a")]),
        (&[], &[("KMS_VALIDATION", "maybe")]),
        (&[], &[("KMS_VALIDATION_HOSTS", "db.test db.*.com")]),
        (&[], &[("KMS_VALIDATION_HOSTS", "db.test,postgres://me:s3cr3t@db.test")]),
        (&[], &[("KMS_VALIDATION_HOSTS", ",")]),
        (&[], &[("HTTPS_PROXY", "proxy.test:x")]),
        (&[("token", "s3cr3t s3cr3t")], &[]),
        (&[("token", "/var/run/token")], &[]),
        (&[("client_id", "'me'"), ("client_secret", "s3cr3t")], &[]),
        (&[("auth_method", "jwt"), ("identity_id", "id"), ("jwt_file", "eyJs3cr3t.x.y")], &[]),
        (&[], &[("KMS_TOKEN", "\"s3cr3t\"")]),
    ] {
        let variables = if variables.first() == Some(&("KMS_TOKEN", "\"s3cr3t\"")) {
            variables.to_vec()
        } else {
            with(variables, KMS_TOKEN)
        };
        let errors = messages(&block(arguments), &variables);
        assert_eq!(errors.len(), 1, "{arguments:?} {variables:?}: {errors:?}");
        found.extend(errors);
    }
    for (name, value) in [
        ("X One", "s3cr3t"),
        ("X-One: s3cr3t", ""),
        ("X-One", "s3cr3t\r\nX-Two: s3cr3t"),
        ("Authorization", "Bearer s3cr3t"),
    ] {
        let mut object = block(CLIENT);
        object.set("headers", block(&[(name, value)]));
        found.extend(messages(&object, &[]));
    }
    expect![[r#"
        host: Invalid KMS address: `host`: The argument `host` is not valid: the address of the KMS must begin with `https://` (`http://` is fine for this machine).

        host: Invalid KMS address: `host`: The argument `host` is not valid: the address of the KMS must not hold a user name or a password; the provider has arguments for credentials.

        host: Invalid KMS address: `host`: The argument `host` is not valid: the address of the KMS must begin with `https://`; it begins with a quote.

        host: Invalid KMS address: `host`: The argument `host` is not valid: the address of the KMS, `http://kms.test`, would send secrets over the network in clear text; use `https://`.
        To use the address without TLS, set `allow_insecure_host = true`.

        -: Invalid KMS address: `KMS_HOST`: The environment variable `KMS_HOST` is not valid: the address of the KMS must begin with `https://` (`http://` is fine for this machine).

        -: Invalid KMS address: `INFISICAL_HOST`: The environment variable `INFISICAL_HOST` is not valid: the address of the KMS, `http://a.test`, would send secrets over the network in clear text; use `https://`.
        To use the address without TLS, set `allow_insecure_host = true`.

        auth_method: Unknown authentication method: `auth_method`: The provider does not support the method in the argument `auth_method`.
        Valid values: `universal`, `token`, `oidc`, `kubernetes`, `aws_iam`, `jwt`, `azure`, `gcp`

        -: Unknown authentication method: `KMS_AUTH_METHOD`: The provider does not support the method in the environment variable `KMS_AUTH_METHOD`.
        Valid values: `universal`, `token`, `oidc`, `kubernetes`, `aws_iam`, `jwt`, `azure`, `gcp`

        request_timeout: Invalid duration: `request_timeout`: The argument `request_timeout` is not valid: it must be a duration such as `30s`, `5m` or `1h30m`.

        -: Invalid duration: `KMS_REQUEST_TIMEOUT`: The environment variable `KMS_REQUEST_TIMEOUT` is not valid: it must be a duration such as `30s`, `5m` or `1h30m`.

        ca_certificate: Invalid CA certificate: `ca_certificate`: The argument `ca_certificate` is not valid: there is no certificate in it; PEM certificates begin with `-----BEGIN CERTIFICATE-----`.

        ca_certificate: Invalid CA certificate: `ca_certificate`: The argument `ca_certificate` is not valid: there is no certificate in it, but a path, which belongs in `ca_certificate_file`; PEM certificates begin with `-----BEGIN CERTIFICATE-----`.

        ca_certificate: Invalid CA certificate: `ca_certificate`: The argument `ca_certificate` is not valid: certificate 1 of it cannot be read.

        ca_certificate_file: CA certificate file not readable: `ca_certificate_file`: The argument `ca_certificate_file` is not valid: the file `/nonexistent/ca.pem` cannot be read: No such file or directory.

        ca_certificate_file: CA certificate file not readable: `ca_certificate_file`: The argument `ca_certificate_file` is not valid: the file `~/ca.pem` cannot be read: No such file or directory; `~` is not expanded here.

        -: CA certificate file not readable: `KMS_CA_CERTIFICATE_FILE`: The environment variable `KMS_CA_CERTIFICATE_FILE` is not valid: the file `/nonexistent/ca.pem` cannot be read: No such file or directory.

        -: CA certificate file not readable: `KMS_CA_CERTIFICATE_FILE`: The environment variable `KMS_CA_CERTIFICATE_FILE` is not valid: the file `/dev/zero` cannot be read: it is a device, not a regular file.

        -: CA certificate file not readable: `KMS_CA_CERTIFICATE_FILE`: The environment variable `KMS_CA_CERTIFICATE_FILE` holds a certificate instead of the path of a file. Set the certificate with the argument `ca_certificate`.

        -: Invalid HTTP header: `KMS_CUSTOM_HEADERS`: The environment variable `KMS_CUSTOM_HEADERS` is not valid: it must have the form `name=value name=value`, without spaces in names and values. Set other values with the argument `headers`.

        -: Invalid HTTP header: `KMS_CUSTOM_HEADERS`: The environment variable `KMS_CUSTOM_HEADERS` is not valid: it must have the form `name=value name=value`, without spaces in names and values. Set other values with the argument `headers`.

        -: Invalid HTTP header: `KMS_CUSTOM_HEADERS`: The environment variable `KMS_CUSTOM_HEADERS` is not valid: the header `host` is set by the provider itself.

        -: Invalid validation mode: `KMS_VALIDATION`: The environment variable `KMS_VALIDATION` does not hold a mode of the login check.
        Valid values: `plan`, `warn`, `apply` or `off`

        Change the value, or unset the variable.

        -: Invalid list of hosts: `KMS_VALIDATION_HOSTS`: The environment variable `KMS_VALIDATION_HOSTS` has an entry that is not valid: `db.*.com`.
        Valid entries: names (`db.example.com`), names below a domain (`*.example.com`), addresses and networks (`10.0.0.0/8`), separated by commas or spaces

        Change the value, or unset the variable to allow all hosts.

        -: Invalid list of hosts: `KMS_VALIDATION_HOSTS`: The environment variable `KMS_VALIDATION_HOSTS` has an entry that is not valid, at position 2.
        Valid entries: names (`db.example.com`), names below a domain (`*.example.com`), addresses and networks (`10.0.0.0/8`), separated by commas or spaces

        Change the value, or unset the variable to allow all hosts.

        -: Invalid list of hosts: `KMS_VALIDATION_HOSTS`: The environment variable `KMS_VALIDATION_HOSTS` has no entry.
        Valid entries: names (`db.example.com`), names below a domain (`*.example.com`), addresses and networks (`10.0.0.0/8`), separated by commas or spaces

        Change the value, or unset the variable to allow all hosts.

        -: Invalid proxy URL: `HTTPS_PROXY`: The environment variable `HTTPS_PROXY` is not valid: it cannot be read; special characters of a password must be percent-encoded; the URL of a proxy looks like `http://proxy.example.com:3128`.

        token: Invalid token: `token`: The argument `token` is not valid: it has spaces, line breaks or other characters that a token cannot have.

        token: Invalid token: `token`: The argument `token` holds the path of a file instead of a token. Set the path with the argument `jwt_file`.

        client_id: Invalid credentials: `client_id`: The value of the argument `client_id` is in quotation marks, which are part of the value. Remove them.

        jwt_file: Invalid token file: `jwt_file`: The argument `jwt_file` holds a token instead of the path of a file. Set the token with the argument `jwt`.

        -: Invalid credentials: `KMS_TOKEN`: The value of the environment variable `KMS_TOKEN` is in quotation marks, which are part of the value. Remove them.

        headers: Invalid HTTP header: `headers`: The argument `headers` is not valid: the name of a header is not one that HTTP allows: it has letters, digits and `-`, and no colon or space.

        headers: Invalid HTTP header: `headers`: The argument `headers` is not valid: the name of a header is not one that HTTP allows: it has letters, digits and `-`, and no colon or space.

        headers: Invalid HTTP header: `headers`: The argument `headers` is not valid: the value of the header `x-one` holds characters that HTTP does not allow, such as a line break.

        headers: Invalid HTTP header: `headers`: The argument `headers` is not valid: the header `authorization` is set by the provider itself.
    "#]].assert_eq(&(found.join("\n\n") + "\n"));
}

#[test]
fn allows_http_to_this_machine_or_by_argument_only() {
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
fn records_unknown_arguments_without_an_error() {
    for name in arguments() {
        let mut object = block(CLIENT);
        object.set(name, Value::unknown());
        assert!(validate(&object).is_empty(), "{name}");
        let resolved = resolve_object(&object, &[]).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let Err(NoClient::Unknown(names)) = resolved.client else { panic!("{name} was forgotten") };
        assert_eq!(names, [name]);
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
fn accepts_one_certificate_argument() {
    let pem = rcgen::generate_simple_self_signed(["kms.test".to_owned()]).unwrap().cert.pem();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, pem.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let both = [CLIENT, &[("ca_certificate", pem.as_str()), ("ca_certificate_file", path)]].concat();
    let found = messages(&block(&both), &[]);
    assert!(found.len() == 1 && found[0].starts_with("ca_certificate_file: Conflicting arguments: "), "{found:?}");
    // An unknown value may be null: older versions of Terraform have no values of variables during validation.
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
fn reports_all_mistakes_at_once() {
    let object = block(&[("host", "kms.test"), ("auth_method", "ldap"), ("request_timeout", "soon")]);
    let paths: Vec<_> = validate(&object).iter().map(|found| found.path.clone().unwrap().to_string()).collect();
    assert_eq!(paths, ["host", "auth_method", "request_timeout"]);
    let found = messages(&Object::new(), &[("KMS_HOST", "kms.test"), ("KMS_REQUEST_TIMEOUT", "soon")]);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn accepts_pasted_values() {
    let client = |arguments: Pairs<'_>, variables: Pairs<'_>| client(arguments, variables);
    let token = |arguments: Pairs<'_>, variables: Pairs<'_>| match client(arguments, variables).auth.source() {
        crate::kms::CredentialSource::Given(token) => token.expose().to_owned(),
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
}
