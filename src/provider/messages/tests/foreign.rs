//! Hostile values: no message lets them control a terminal or begin a line of their own.

use proptest::prelude::*;
use time::macros::datetime;

use super::database::{in_plan, refused};
use super::service::{CONTEXT, no_response, reply, reported, unexpected};
use super::values::credentials;
use crate::kms::{
    AppConnection, AuthRequest as KmsLogin, BaseUrl, Client, DatabaseStep, ErrorKind, Lookup, Mismatch, NewCredentials,
    Settings, TransportFailure,
};
use crate::postgres::{
    Accepted, Address, CatalogRole as Rotated, Certainty, Endpoint, Facts, LoginSession, OwnPassword, Questions,
    Reason, Refusal, Target, Tls,
};
use crate::provider::config::validation::Mode;
use crate::provider::connections::managed_registry::ManagedRole;
use crate::provider::login_check::NotChecked;
use crate::provider::login_check::kms_location::NotAllowed;
use crate::provider::messages;
use crate::provider::messages::kms::database_refused;
use crate::provider::messages::kms::{RequestContext, Verb, adopted, gone, name_exists, outcome, service};
use crate::provider::messages::managed;
use crate::provider::messages::managed::{Replacement, RoleState};
use crate::provider::messages::{LoginContext, MovedCredentials, Wanted, drift, existing_connection};
use crate::secret::Secret;
use crate::terraform::diagnostic::{Diagnostic, Severity};
use crate::terraform::move_state::MoveSource;
use crate::text;

const HOSTILE: &str = "x\nimport {\r\n  id = \"evil\"\n}\u{1b}[2J\u{9b}31m\u{202e}\u{200b}\u{2028}Error: y\u{feff}${z}";

#[test]
fn hostile_values_stay_on_their_line() {
    compare(HOSTILE);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_values_stay_on_their_line(value in "x(\\PC|[\\x00-\\x1f\u{200b}-\u{200f}\u{2028}-\u{202e}\"`$%{}]){0,12}") {
        compare(&value);
    }
}

/// Every message has with this value as many lines as with a harmless one, and only characters that show as themselves.
fn compare(value: &str) {
    let harmless = messages("x");
    let messages = messages(value);
    assert_eq!(messages.len(), harmless.len());
    for (message, harmless) in messages.iter().zip(&harmless) {
        assert!(message.summary.chars().all(text::is_plain), "{:?}", message.summary);
        assert!(message.detail.chars().all(|c| c == '\n' || text::is_plain(c)), "{:?}", message.detail);
        let lines = |message: &Diagnostic| message.detail.lines().count();
        assert_eq!(lines(message), lines(harmless), "{}\n----\n{}", message.detail, harmless.detail);
    }
}

#[test]
fn messages_about_databases_keep_to_the_style() {
    for diagnostic in [managed("orders-db"), drifted("orders-db"), from_databases("orders-db")].concat() {
        super::assert_is_in_style(&diagnostic);
    }
}

fn messages(value: &str) -> Vec<Diagnostic> {
    [managed(value), drifted(value), from_databases(value), from_the_kms(value), imported(value)].concat()
}

fn connection(value: &str) -> AppConnection {
    serde_json::from_value(serde_json::json!({
        "id": value, "name": value, "app": "postgres", "method": value, "description": value, "projectId": value,
        "credentials": {
            "host": value, "port": 5432, "database": value, "username": value,
            "sslEnabled": true, "sslRejectUnauthorized": true
        },
    }))
    .unwrap()
}

fn client() -> Client {
    Client::new(Settings::new(BaseUrl::parse("https://kms.test", false).unwrap(), KmsLogin::token(Secret::new("t"))))
}

fn managed(value: &str) -> Vec<Diagnostic> {
    let role = ManagedRole::new(value, 5432, value);
    let replacement = |is_destroyed| Replacement {
        title: value,
        old: value,
        role: value,
        password_argument: "password",
        is_destroyed,
    };
    let states = [RoleState::Untouched, RoleState::Changed("no".to_owned()), RoleState::Unknown("no".to_owned())];
    let mut found = vec![
        managed::own_password(value, value, &OwnPassword::Replication),
        managed::own_password(value, value, &OwnPassword::ReadOnly { standby: false }),
        managed::own_password(value, value, &OwnPassword::PasswordCommandsRestricted),
        managed::own_password(value, value, &OwnPassword::Expires { when: "2026-01-02".to_owned() }),
        managed::password_transfer(value, Some(&role), &Ok(vec![value.to_owned(), value.to_owned()])),
        managed::managed_by_another(value, &role, &connection(value), "no"),
        managed::exists_managed(value, &role, value, "no"),
        managed::shares_managed_role(value, &role, &connection(value)),
        managed::cannot_be_quoted(value),
        managed::cannot_change(value, value, "host", Some(&text::hcl_string(value))),
        managed::cannot_be_turned_off(value, value),
        managed::turned_on_outside(value, value),
        managed::replacement_refused(&replacement(true), "no"),
        managed::replacement_refused(&replacement(false), "no"),
        managed::destroyed(value, value),
        managed::name_not_free(value, &Lookup::Found(Box::new(connection(value))), &client()),
        managed::name_not_free(value, &Lookup::Failed(no_response(TransportFailure::Timeout, true)), &client()),
    ];
    found.extend(states.iter().map(|state| Diagnostic::error("state", managed::role_state(value, state))));
    found
}

fn drifted(value: &str) -> Vec<Diagnostic> {
    vec![
        drift::sent_again(value),
        drift::replaced(value),
        drift::refused(value, "password", &[], "no"),
        drift::refused(value, "password", &["username"], "no"),
        drift::not_checked(value, "password_wo", "no"),
        drift::without_password(value),
        drift::first_password(value),
    ]
}

fn endpoint(value: &str) -> Endpoint {
    Endpoint {
        host: value.to_owned(),
        port: 5432,
        address: None,
        local: None,
        overridden: Some(Address { host: value.to_owned(), port: 1 }),
    }
}

fn from_databases(value: &str) -> Vec<Diagnostic> {
    let reasons = [
        Reason::PasswordRefused,
        Reason::UnusableHost,
        Reason::ConnectionRefused,
        Reason::NoSuchRole,
        Reason::RoleMayNotLogIn,
        Reason::NoSuchDatabase,
        Reason::NoConnectPrivilege,
        Reason::DatabaseNotAccepting,
        Reason::DatabaseInvalid,
        Reason::NoAccessRule { encrypted: true },
        Reason::DirectoryRefused { directory: "PAM" },
    ];
    let about = |reason| Refusal {
        endpoint: endpoint(value),
        database: value.to_owned(),
        username: value.to_owned(),
        ..refused(reason, None)
    };
    let login = |first_reporter| LoginContext {
        connection: value,
        moved: Some(MovedCredentials { from: value.to_owned(), to: value.to_owned() }),
        first_reporter,
        ..in_plan()
    };
    let warned = LoginContext { would_stop_the_apply: true, class: Certainty::Conclusive, ..login(None) };
    let mut found = Vec::new();
    for reason in reasons {
        found.push(messages::refusal(Severity::Error, &about(reason.clone()), &login(None)));
        found.push(messages::refusal(Severity::Error, &about(reason.clone()), &login(Some(value))));
        found.push(messages::refusal(Severity::Warning, &about(reason), &warned));
    }
    let target = Target {
        host: value.to_owned(),
        port: 5432,
        database: value.to_owned(),
        username: value.to_owned(),
        password: Secret::new("p"),
        tls: Tls::Off,
        address: None,
        questions: Questions::default(),
    };
    for why in [
        NotChecked::Attempts,
        NotChecked::Budget,
        NotChecked::Queue,
        NotChecked::NotAllowed(NotAllowed::Loopback),
        NotChecked::NotAllowed(NotAllowed::Host),
        NotChecked::NotAllowed(NotAllowed::Addresses(Vec::new())),
    ] {
        found.push(messages::not_checked(Severity::Warning, &why, value, &target, true));
    }
    let accepted = Accepted {
        endpoint: endpoint(value),
        unreachable_addresses: Vec::new(),
        server_version: None,
        password_requested: true,
        facts: None,
        milliseconds: 1,
    };
    found.extend([
        messages::behind_gateway(value),
        messages::mode_lowered(value, Mode::Plan, Mode::Apply),
        messages::later_address(value, &accepted),
        messages::internal_address(value, value, [10, 0, 0, 1].into()),
        messages::certificate_expires(value, "2026-01-02", None),
        messages::privileges_not_checked(value, Some("other"), &[value.to_owned()], "no"),
    ]);
    let session = LoginSession {
        role: "kms_role".to_owned(),
        authorized_as: "kms_role".to_owned(),
        superuser: false,
        create_role: false,
        replication: false,
        valid_until: None,
        standby: false,
        read_only: false,
        password_commands_restricted: false,
    };
    let roles = vec![Rotated { name: value.to_owned(), attributes: None }];
    let facts = Facts { version: 170_000, database: "orders".to_owned(), database_is_public: true, session, roles };
    for rotation in facts.rotations() {
        found.extend(messages::missing_privileges(Severity::Error, &rotation, 0, &facts, &accepted, &login(None)));
    }
    found
}

fn from_the_kms(value: &str) -> Vec<Diagnostic> {
    let sent = NewCredentials {
        host: value.to_owned(),
        database: value.to_owned(),
        username: value.to_owned(),
        ..credentials()
    };
    let attempt = RequestContext { title: value, project: Some(value), credentials: Some(&sent), ..CONTEXT };
    let refused = |message: &str| {
        database_refused::refusal(
            attempt,
            &sent,
            message,
            &reply(400, "BadRequest", ""),
            datetime!(2026-01-02 03:04:05 UTC),
        )
    };
    let step = DatabaseStep::ChangePassword;
    let denied = ErrorKind::DatabaseRefused { step, message: "no".to_owned() };
    let denied = reported(denied, 400, "BadRequest", "no");
    let page = ErrorKind::Unexpected(unexpected(200, Mismatch::Status)).into();
    let mut found = vec![
        adopted(value, &no_response(TransportFailure::Timeout, true)),
        gone(value, value, &client()),
        name_exists(value, value),
    ];
    for message in [
        "getaddrinfo ENOTFOUND x",
        "IPs not allowed",
        "belongs to a service",
        "ECONNREFUSED",
        "timeout",
        "altnames",
        "pg_hba.conf",
        "self-signed certificate",
        "password authentication failed for user \"x\"",
    ] {
        found.push(refused(message));
    }
    for error in [denied, no_response(TransportFailure::Timeout, true), page] {
        found.extend(service(attempt, &error));
        found.extend(service(RequestContext { verb: Verb::Delete, ..attempt }, &error));
    }
    for looked_up in [Lookup::Found(Box::new(connection(value))), Lookup::NotFound] {
        found.push(Diagnostic::error("found", outcome(true, value, &looked_up)));
        found.push(Diagnostic::error("found", outcome(false, value, &looked_up)));
    }
    found
}

fn imported(value: &str) -> Vec<Diagnostic> {
    let source = MoveSource {
        provider: value.to_owned(),
        type_name: value.to_owned(),
        schema_version: 0,
        state: Vec::new().into(),
        private: Vec::new(),
        identity: None,
    };
    vec![
        existing_connection::import_form(value),
        existing_connection::nothing_to_import(Wanted::Id(value), &[], &client()),
        existing_connection::nothing_to_import(Wanted::Name(None, value), &[Some(value)], &client()),
        existing_connection::nothing_to_import(Wanted::Name(Some(value), value), &[Some(value), None], &client()),
        existing_connection::several_to_import(value, &[value, value], &client()),
        existing_connection::not_movable(&source, &[("a", "b")]),
        existing_connection::moved_incomplete(&source, "credentials"),
    ]
}
