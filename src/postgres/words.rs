//! One table of every reason: its class, the input to blame, its words and the statement that cures it.

use time::macros::format_description;

use super::reason::Blame::{Address, Database, Host, Password, Port, SslCertificate, SslEnabled, Username};
use super::reason::Class::{Definite, Unreachable};
use super::text::hex;
use super::{Blame, CertificateProblem, Class, Fault, Insecure, Reason, Refusal, Scope, Stage, Trust};

/// SQL that cures a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The statement, identifiers quoted. It never contains a password.
    pub sql: String,
    /// Who may run it.
    pub who: &'static str,
}

/// What there is to say about a reason.
pub(super) struct Row {
    pub(super) class: Class,
    pub(super) blame: Blame,
    pub(super) headline: String,
    pub(super) check: Vec<String>,
    pub(super) statement: Option<Statement>,
}

pub(super) const WHO_ALTERS_ROLES: &str =
    "a superuser, or a role with CREATEROLE (PostgreSQL 16 and later: and ADMIN OPTION on this role)";
pub(super) const WHO_OWNS_THE_DATABASE: &str = "the owner of the database or a superuser";

impl Reason {
    /// The table.
    pub(super) fn row(&self, about: &Refusal) -> Row {
        let server = format!("`{}`", about.endpoint.name());
        let (role, database) = (&about.username, &about.database);
        // What is wrong with the network is wrong with what was dialled.
        let overridden = about.endpoint.overridden.is_some();
        let (host, port) = if overridden { (Address, Address) } else { (Host, Port) };
        let dialled = match &about.endpoint.overridden {
            Some(address) => address.host.clone(),
            None => about.endpoint.host.clone(),
        };
        match self {
            Self::ForbiddenAddress { address, kind } => {
                row(Definite, host, format!("`{dialled}` leads to {address}, {kind}: it is never contacted"))
                    .check("The name: does it mean the database, and does its DNS record hold the database's address?")
            }
            Self::UnusableHost => row(Definite, host, format!("`{dialled}` is neither a DNS name nor an IP address"))
                .check("One host name or address, without scheme, port, user or spaces."),
            Self::DnsFailed { detail } => {
                row(Unreachable, host, format!("the name `{dialled}` does not resolve on this machine: {detail}"))
                    .check("The spelling of the name.")
                    .check("Whether the name exists only in a private zone or VPN that this machine does not see.")
            }
            Self::ConnectionRefused => row(Unreachable, port, format!("nothing accepts connections at {server}"))
                .check("The port, and whether the server runs.")
                .check("`listen_addresses` of the server: by default it listens on its own machine only."),
            Self::Unreachable { detail } => row(Unreachable, host, format!("there is no way to {server}: {detail}"))
                .check("Whether this machine is in the network (VPN, peering) that the address belongs to.")
                .check("An IPv6 address needs a machine with IPv6."),
            Self::TimedOut { stage: stage @ (Stage::Dns | Stage::Tcp) } => {
                row(Unreachable, host, format!("{server} did not answer in time ({stage})"))
                    .check("A firewall, security group or allow-list that drops connections from this machine.")
                    .check("The host name and the address that it has from here.")
            }
            Self::TimedOut { stage: stage @ (Stage::SslRequest | Stage::Tls) } => {
                row(Unreachable, port, format!("{server} accepted the connection and then fell silent ({stage})"))
                    .check("Whether PostgreSQL listens on this port, or a proxy without a server behind it.")
            }
            Self::TimedOut { stage } => row(Unreachable, host, format!("{server} did not finish {stage} in time"))
                .check("A pooler that waits for its server, or a server under load.")
                .check("A server that delays failed logins looks like this: check the password."),
            Self::Closed { stage, reset } => {
                let how = if *reset { "reset" } else { "closed" };
                let row = row(Unreachable, host, format!("{server} {how} the connection without a word ({stage})"));
                let row = match stage {
                    Stage::SslRequest | Stage::Login => {
                        row.check("A port that speaks another protocol, or TLS at once.")
                    }
                    _ => row,
                };
                row.check("A load balancer or proxy without a server behind it.")
                    .check("A filter that admits only some addresses.")
            }
            Self::TlsNotOffered => row(Definite, SslEnabled, format!("{server} does not offer TLS"))
                .check("Set `ssl_enabled = false` when the network in between may see the data.")
                .check("Else turn TLS on there: `ssl = on` with a certificate and a key.")
                .check("A pooler has TLS settings of its own."),
            Self::NotPostgres { protocol, first } => {
                let answer = match protocol {
                    Some(protocol) => format!("it speaks {protocol}"),
                    None => format!("its answer begins with the bytes {}", hex(first.get(..8).unwrap_or(first), " ")),
                };
                row(Definite, port, format!("what answers at {server} is not a PostgreSQL server: {answer}"))
                    .check("The port; PostgreSQL's own is 5432.")
                    .check("The host.")
            }
            Self::Certificate(problem) => certificate(problem, &server, about),
            Self::TlsClientCertificate => {
                row(Definite, SslEnabled, format!("{server} wants a client certificate, which the KMS cannot show"))
                    .check("Another endpoint of this database that asks for a password alone.")
            }
            Self::TlsLegacy { detail } => row(
                Unreachable,
                SslEnabled,
                format!("{server} offers only TLS that this program does not speak: {detail}"),
            )
            .check("TLS 1.2 with ECDHE and AEAD ciphers, or TLS 1.3, on the server.")
            .check("The KMS speaks some of the older ciphers: it may get in where this login cannot."),
            Self::TlsFailed { detail } => row(Unreachable, SslEnabled, format!("TLS with {server} failed: {detail}"))
                .check("What stands between here and the server: a proxy that ends TLS, an old pooler."),
            Self::PasswordRefused => {
                row(Definite, Password, format!("{server} refused the password of role `{role}` (28P01)"))
                    .check("The password.")
                    .check(format!("Whether role `{role}` exists: the server gives the same answer when it does not."))
                    .check("Upper and lower case of the role's name: they differ once the name was created in quotes.")
                    .check("Whether the password has expired (`VALID UNTIL`) or was never set.")
                    .check("Whether it is stored as MD5 while the server asks for SCRAM: set it again, then it is not.")
                    .statement(format!("ALTER ROLE {} WITH LOGIN PASSWORD '…';", quoted(role)), WHO_ALTERS_ROLES)
            }
            Self::NoSuchRole => row(Definite, Username, format!("{server} has no role `{role}` (28000)"))
                .check("The name of the role, upper and lower case included.")
                .statement(format!("CREATE ROLE {} WITH LOGIN PASSWORD '…';", quoted(role)), WHO_ALTERS_ROLES),
            Self::RoleMayNotLogIn => {
                row(Definite, Username, format!("role `{role}` may not log in at {server} (28000): it is NOLOGIN"))
                    .check("Whether this is a group role; a connection needs a role that may log in.")
                    .statement(format!("ALTER ROLE {} WITH LOGIN;", quoted(role)), WHO_ALTERS_ROLES)
            }
            Self::NoAccessRule { encrypted: true } => {
                row(Unreachable, host, format!("{server} has no access rule for role `{role}` from here (28000)"))
                    .check("`pg_hba.conf` of the server: it lists who may come from which address to which database.")
                    .check("The KMS comes from another address and needs a rule for that one.")
            }
            Self::NoAccessRule { encrypted: false } => row(
                Unreachable,
                SslEnabled,
                format!("{server} has no access rule for a connection without TLS (28000)"),
            )
            .check("Set `ssl_enabled = true`: the server probably admits encrypted connections only.")
            .check("`pg_hba.conf` of the server: it lists who may come from which address to which database."),
            Self::RejectedByRule { encrypted } => {
                let blame = if *encrypted { host } else { SslEnabled };
                let tls = if *encrypted { "" } else { " without TLS" };
                let row =
                    row(Unreachable, blame, format!("an access rule of {server} rejects role `{role}`{tls} (28000)"));
                let row = if *encrypted { row } else { row.check("Set `ssl_enabled = true`.") };
                row.check("The `reject` line in `pg_hba.conf` of the server.")
            }
            Self::ClientCertificateNeeded => {
                let headline =
                    format!("{server} wants a client certificate for role `{role}`, which the KMS cannot show (28000)");
                row(Definite, Username, headline).check("A role that logs in with a password.")
            }
            Self::RoleRefused => row(Definite, Username, format!("{server} refused role `{role}` (28000)"))
                .check("How the server lets this role in: directories (LDAP, PAM) have reasons of their own."),
            Self::NoSuchTenant => {
                row(Definite, Username, format!("the pooler at {server} knows nobody behind role `{role}`"))
                    .check("The form of the role's name that this pooler wants, often `role.project`.")
            }
            Self::NoSuchDatabase => row(Definite, Database, format!("{server} has no database `{database}` (3D000)"))
                .check("The name of the database, upper and lower case included.")
                .statement(
                    format!("CREATE DATABASE {} OWNER {};", quoted(database), quoted(role)),
                    "a superuser or a role with CREATEDB",
                ),
            Self::NoConnectPrivilege => {
                row(Definite, Database, format!("role `{role}` may not connect to database `{database}` (42501)"))
                    .check("The password is right; the role lacks the CONNECT privilege.")
                    .statement(
                        format!("GRANT CONNECT ON DATABASE {} TO {};", quoted(database), quoted(role)),
                        WHO_OWNS_THE_DATABASE,
                    )
            }
            Self::DatabaseNotAccepting => {
                row(Definite, Database, format!("database `{database}` accepts no connections (55000)"))
                    .check("Whether it is a template; choose the database that the application uses.")
                    .statement(
                        format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true;", quoted(database)),
                        WHO_OWNS_THE_DATABASE,
                    )
            }
            Self::TooManyConnections(scope) => too_many_connections(*scope, &server, host, about),
            Self::Starting => row(Unreachable, host, format!("{server} takes no logins right now (57P03)"))
                .check("It starts up, shuts down, or is a standby that answers no queries: try again soon."),
            Self::Terminated => row(Unreachable, host, format!("{server} ended the session (57P01)"))
                .check("A restart or failover: try again soon."),
            Self::PoolerWantsTls => row(Definite, SslEnabled, format!("the pooler at {server} wants TLS (08P01)"))
                .check("Set `ssl_enabled = true`."),
            Self::PoolerWithoutServer => {
                row(Unreachable, host, format!("the pooler at {server} does not reach its own server (08P01)"))
                    .check("The server behind the pooler, and the pooler's log.")
            }
            Self::ImpostorServer => {
                row(Definite, host, format!("{server} does not know the password of role `{role}` itself")).check(
                    "A server that stores a password can prove it. This one cannot: a wrong server, or a false one.",
                )
            }
            Self::UnsupportedAuthentication { method } => row(
                Definite,
                Username,
                format!("{server} asks role `{role}` for something other than a password ({method})"),
            )
            .check("A role that `pg_hba.conf` lets in with `scram-sha-256`."),
            Self::InsecureAuthentication { how, encrypted } => {
                let how = match how {
                    Insecure::ClearText => "in clear text".to_owned(),
                    Insecure::Md5 => "as an MD5 hash".to_owned(),
                    Insecure::WeakScram(count) => format!("with only {count} SCRAM iterations"),
                };
                let blame = if *encrypted { SslCertificate } else { SslEnabled };
                let headline =
                    format!("{server} asks for the password {how}, where others could read it: it was not sent");
                row(Unreachable, blame, headline)
                    .check("TLS with a verified certificate (`ssl_enabled` and `ssl_reject_unauthorized` both true).")
                    .check("Or `scram-sha-256` on the server, which never shows the password to anybody.")
            }
            Self::TooManyIterations { count } => row(
                Unreachable,
                host,
                format!("{server} asks for {count} SCRAM iterations; 100000 is the most that is calculated"),
            )
            .check("`scram_iterations` of the server at the time when the role's password was set."),
            Self::OtherServerError { sqlstate, message } => {
                // Out of resources, stopped by an operator, broken, or a matter of the connection.
                let passing = ["08", "53", "57", "58", "XX"].iter().any(|class| sqlstate.starts_with(class));
                let class = if passing { Unreachable } else { Definite };
                row(class, host, format!("{server} refused the login: {message} ({sqlstate})"))
                    .check("The server's log at that time.")
            }
            Self::Protocol { detail } => row(
                Unreachable,
                host,
                format!("{server} answered the login with something that makes no sense: {detail}"),
            )
            .check("What stands between here and the server: a proxy, a pooler, or another product."),
        }
    }
}

fn too_many_connections(scope: Scope, server: &str, host: Blame, about: &Refusal) -> Row {
    let (role, database) = (&about.username, &about.database);
    match scope {
        Scope::Role => row(Unreachable, Username, format!("role `{role}` has no connection left at {server} (53300)"))
            .check("Who holds the role's connections, and its limit; 0 lets nobody in.")
            .statement(format!("ALTER ROLE {} CONNECTION LIMIT -1;", quoted(role)), WHO_ALTERS_ROLES),
        Scope::Database => {
            row(Unreachable, Database, format!("database `{database}` has no connection left at {server} (53300)"))
                .check("Who holds its connections, and its limit; 0 lets nobody in.")
                .statement(format!("ALTER DATABASE {} CONNECTION LIMIT -1;", quoted(database)), WHO_OWNS_THE_DATABASE)
        }
        Scope::Server => row(Unreachable, host, format!("{server} has no connection left (53300)"))
            .check("The credentials were not judged: try again when fewer clients are connected."),
        Scope::Pooler => row(Unreachable, host, format!("the pooler at {server} has no connection left (08P01)"))
            .check("The credentials were not judged: try again, or raise the pooler's limits."),
    }
}

/// The rows of a certificate.
fn certificate(problem: &CertificateProblem, server: &str, about: &Refusal) -> Row {
    let (issuer, names, fingerprint, not_before, not_after) = match &problem.presented {
        Some(shown) => (
            shown.issuer.clone(),
            shown.names.iter().take(20).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
            shown.fingerprint.clone(),
            day(shown.not_before),
            day(shown.not_after),
        ),
        None => Default::default(),
    };
    let which = format!("The certificate: issued by `{issuer}`, SHA-256 {fingerprint}.");
    match &problem.fault {
        Fault::UnknownIssuer => {
            let trust = match problem.trust {
                Trust::Given => "is not among the given certificates",
                Trust::Public => "is not a public authority",
            };
            let row = row(
                Definite,
                SslCertificate,
                format!("the certificate of {server} is not trusted: its issuer `{issuer}` {trust}"),
            );
            row.check(format!("Set `ssl_certificate` to the certificate of `{issuer}` (PEM), the root itself."))
                .check(which)
        }
        Fault::WrongName => {
            let host = &about.endpoint.host;
            let names = if names.is_empty() { "no name at all".to_owned() } else { names };
            row(Definite, Host, format!("the certificate of {server} is not for `{host}` but for {names}"))
                .check("Use one of those names as `host`, or give the server a certificate with this one.")
                .check(which)
        }
        Fault::Expired => {
            row(Definite, SslCertificate, format!("the certificate of {server} has expired ({not_after})"))
                .check("A new certificate for the server; or an expired one above it.")
                .check("The clock of this machine.")
                .check(which)
        }
        Fault::NotYetValid => {
            row(Definite, SslCertificate, format!("the certificate of {server} is not valid before {not_before}"))
                .check("The clock of this machine, and of the one that made the certificate.")
                .check(which)
        }
        Fault::Other(detail) => {
            row(Definite, SslCertificate, format!("the certificate of {server} cannot be accepted: {detail}"))
                .check(which)
        }
        Fault::Unjudged(detail) => {
            row(Unreachable, SslCertificate, format!("the certificate of {server} has an unusual form: {detail}"))
                .check("The KMS may accept it. A certificate of version 3 with a DNS name is accepted everywhere.")
                .check(which)
        }
    }
}

fn day(date: time::OffsetDateTime) -> String {
    date.format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}

/// An identifier in SQL.
pub(super) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

fn row(class: Class, blame: Blame, headline: String) -> Row {
    Row { class, blame, headline, check: Vec::new(), statement: None }
}

impl Row {
    fn check(mut self, line: impl Into<String>) -> Self {
        self.check.push(line.into());
        self
    }

    fn statement(mut self, sql: String, who: &'static str) -> Self {
        self.statement = Some(Statement { sql, who });
        self
    }
}
