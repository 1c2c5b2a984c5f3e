//! The texts for each reason of a failed login: the summary, the argument, one sentence, possible causes and the statement to
//! run.

mod certificate;
pub(crate) mod pem;
pub(crate) mod privileges;

use time::macros::format_description;

use self::Argument::{Address, Database, Host, Password, Port, SslCertificate, SslEnabled, Username};
use self::certificate::certificate;
use super::summary::{LOGIN_FAILED as LOGIN, NOT_REACHABLE, TLS_FAILED as TLS};
use crate::postgres::{
    AddressKind, Channel, Endpoint, Insecure, Reason, Refusal, RunAs, Scope, Stage, Statement, hex, quoted,
};
use crate::provider::attribute;
use crate::terraform::diagnostic::Path;
use crate::text::{shortened, shown};

/// The argument that a reason is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the arguments of a connection, by their names")]
pub enum Argument {
    Host,
    Port,
    /// `validation.address`, which is dialled instead of host and port.
    Address,
    Database,
    Username,
    Password,
    SslEnabled,
    SslCertificate,
}

impl Argument {
    /// Returns the path of the argument; the password has two, of which the configuration uses one.
    pub(crate) fn path(self, password_argument: &'static str) -> Path {
        match self {
            Host => Path::from(attribute::HOST),
            Port => Path::from(attribute::PORT),
            Address => Path::from(attribute::VALIDATION).attribute("address"),
            Database => Path::from(attribute::DATABASE),
            Username => Path::from(attribute::USERNAME),
            Password => Path::from(password_argument),
            SslEnabled => Path::from(attribute::SSL_ENABLED),
            SslCertificate => Path::from(attribute::SSL_CERTIFICATE),
        }
    }
}

/// The parts of a message about a failed login: one row of the table.
pub struct Explanation {
    /// The summary: the constant beginning of its class, and the failure.
    pub summary: String,
    /// The argument that is most likely wrong.
    pub argument: Argument,
    /// One sentence that explains the case on its own, without a full stop. It ends with the SQLSTATE of the server's error.
    pub sentence: String,
    /// Facts that only this reason has, as `Label: value`.
    pub facts: Vec<String>,
    /// Possible causes, most likely first.
    pub causes: Vec<String>,
    /// The statement that removes the cause.
    pub statement: Option<Statement>,
}

/// Returns the texts for a failed login.
pub fn explain(refusal: &Refusal) -> Explanation {
    let mut row = row_of(refusal);
    if let Some(error) = &refusal.server_error {
        row.sentence = format!("{} (SQLSTATE {})", row.sentence.trim_end_matches('.'), error.sqlstate);
    }
    row
}

/// Returns the facts of a failed login, one per line: server, role and database, then what was observed.
pub fn facts(refusal: &Refusal) -> Vec<String> {
    identity(refusal).into_iter().chain(observations(refusal)).collect()
}

/// Returns the server, the role and the database of a failed login.
pub(crate) fn identity(refusal: &Refusal) -> [String; 3] {
    let (role, database) = (shown(&refusal.username), shown(&refusal.database));
    [server(&refusal.endpoint), format!("Role: `{role}`"), format!("Database: `{database}`")]
}

/// Returns what the server sent, the addresses that were tried, and the time.
pub(crate) fn observations(refusal: &Refusal) -> Vec<String> {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    let time = refusal.at.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default();
    let local = refusal.endpoint.local.map(|local| format!(", from {local}")).unwrap_or_default();
    let tried: Vec<_> =
        refusal.unreachable_addresses.iter().map(|(address, error)| format!("{address}: {error}")).collect();
    let tried = (tried.len() > 1).then(|| format!("Addresses tried: {}", tried.join("; ")));
    server_message(refusal).into_iter().chain(tried).chain([format!("Time: {time}{local}")]).collect()
}

/// Returns the server's own error message.
pub(crate) fn server_message(refusal: &Refusal) -> Option<String> {
    let error = refusal.server_error.as_ref()?;
    let sender = if error.by_pooler { "Pooler" } else { "Server" };
    let detail = error.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    Some(format!("{sender} message: {}{detail}", error.message))
}

/// Returns the line about a server: its name, what was dialled instead, and the address.
pub(crate) fn server(endpoint: &Endpoint) -> String {
    let mut line = format!("Server: `{}`", endpoint.name());
    if endpoint.written_host() != endpoint.host {
        line += &format!(", in DNS and certificates `{}`", shown(&endpoint.host));
    }
    if let Some(dialled) = &endpoint.overridden {
        line += &format!(", dialled as `{dialled}`");
    }
    if let Some(address) = endpoint.address {
        line += &format!(" (address {address})");
    }
    line
}

/// Returns the roles that may run a statement.
pub(crate) fn run_as(run_as: RunAs) -> &'static str {
    match run_as {
        RunAs::Superuser => "a superuser",
        RunAs::CreateRole => "a superuser, or as a role with CREATEROLE",
        RunAs::RoleAdministrator => {
            "a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role)"
        }
        RunAs::AdminOfGrantedRole => {
            "a superuser, or as a role with ADMIN OPTION on the role that is granted or revoked"
        }
        RunAs::DatabaseOwner => "a superuser, or as the owner of the database",
        RunAs::CreateDatabase => "a superuser, or as a role with CREATEDB that is a member of the new owner",
        RunAs::MasterUser => "the master user of the instance",
    }
}

/// The table: one row for each reason.
fn row_of(refusal: &Refusal) -> Explanation {
    let server = format!("`{}`", refusal.endpoint.name());
    let (role, database) = (&*shown(&refusal.username), &*shown(&refusal.database));
    // A problem of the network is a problem of the address that was dialled.
    let (host, port, dialled) = match &refusal.endpoint.overridden {
        Some(address) => (Address, Address, shown(&address.host)),
        None => (Host, Port, shown(&refusal.endpoint.host)),
    };
    let by_pooler = refusal.server_error.as_ref().is_some_and(|error| error.by_pooler);
    match &refusal.reason {
        // The address and the network.
        Reason::ForbiddenAddress { address, kind } => {
            let kind = kind_of_address(*kind);
            let what = match dialled.parse() == Ok(*address) {
                true => format!("`{dialled}` is {kind}"),
                false => format!("`{dialled}` resolves to {address}, {kind}"),
            };
            row(NOT_REACHABLE, "address not allowed", host, format!("{what}. The provider never contacts such an address"))
                .cause("The host name is wrong, or its DNS record does not hold the address of the database.")
        }
        Reason::UnusableHost => {
            row(NOT_REACHABLE, "invalid host", host, format!("`{dialled}` is neither a DNS name nor an IP address"))
                .cause("The value has a scheme, a port, a user or a space: it must be one host name or address.")
        }
        Reason::DnsFailed { detail } => {
            let detail = detail.trim_start_matches("failed to lookup address information: ");
            if detail.contains("Temporary failure") || detail.contains("Try again") {
                let sentence = format!("the DNS lookup of `{dialled}` failed on this machine: {detail}");
                row(NOT_REACHABLE, "DNS lookup failed", host, sentence)
                    .cause("The DNS resolver of this machine does not respond at the moment: try again.")
                    .cause("A VPN or a private DNS zone is not connected.")
            } else {
                let sentence = format!("host not found: `{dialled}` does not resolve on this machine: {detail}");
                row(NOT_REACHABLE, "host not found", host, sentence)
                    .cause("The name is misspelled.")
                    .cause("The name exists only in a private DNS zone or a VPN that this machine does not use.")
            }
        }
        Reason::ConnectionRefused => {
            row(NOT_REACHABLE, "connection refused", port, format!("connection refused by {server}"))
                .cause("The server is not running, or the port is wrong.")
                .cause("The server listens on its own machine only, the default of `listen_addresses`.")
        }
        Reason::Unreachable { detail } => {
            row(NOT_REACHABLE, "network error", host, format!("no connection to {server}: {detail}"))
                .cause("This machine is not in the network (VPN, peering) of the address.")
                .cause("The address is an IPv6 address, and this machine has no IPv6.")
        }
        Reason::TimedOut { stage: stage @ (Stage::Dns | Stage::Tcp) } => {
            let summary = if *stage == Stage::Dns { "DNS lookup timed out" } else { "connection timed out" };
            row(NOT_REACHABLE, summary, host, format!("connection to {server} timed out ({})", name_of(*stage)))
                .cause("A firewall, security group or allow list drops connections from this machine.")
                .cause("The host name is wrong, or resolves to another address on this machine.")
        }
        Reason::TimedOut { stage: stage @ (Stage::SslRequest | Stage::Tls) } => {
            let sentence = format!("{server} accepted the connection and then did not respond ({})", name_of(*stage));
            row(NOT_REACHABLE, "response timed out", port, sentence)
                .cause("The port belongs to another service, or to a proxy without a server behind it.")
        }
        Reason::TimedOut { stage } => {
            row(LOGIN, "timed out", host, format!("{server} did not complete the {} in time", name_of(*stage)))
                .cause("A pooler waits for its server, or the server is under load.")
                .cause("The password is wrong, and the server delays its response (`auth_delay`).")
        }
        Reason::Closed { stage, reset } => {
            let how = if *reset { "reset" } else { "closed" };
            let summary = if *reset { "connection reset" } else { "connection closed" };
            row(NOT_REACHABLE, summary, host, format!("{server} {how} the connection ({})", name_of(*stage)))
                .cause_if(*stage == Stage::SslRequest, "The port belongs to another protocol, such as HTTPS.")
                .cause_if(
                    *stage == Stage::Login,
                    "The port belongs to another protocol, or the server requires TLS (`ssl_enabled`).",
                )
                .cause("A load balancer or proxy has no server behind it.")
                .cause("An allow list lacks the address of this machine. The KMS connects from another address.")
        }
        Reason::NotPostgres { protocol, first } => {
            let why = match protocol {
                Some(protocol) => format!("it uses {protocol}"),
                None if first == b"S" => "it accepted TLS and then sent something that is not TLS".to_owned(),
                None => format!("its response begins with the bytes {}", hex(first.get(..8).unwrap_or(first), " ")),
            };
            row(LOGIN, "not a PostgreSQL server", port, format!("{server} is not a PostgreSQL server: {why}"))
                .cause("The port is wrong; the default of PostgreSQL is 5432.")
                .cause("The host is wrong.")
        }
        Reason::Protocol { detail } => {
            row(LOGIN, "unexpected message", host, format!("{server} sent an unexpected message during login: {detail}"))
                .cause("A proxy, a pooler or another product stands between this machine and the server.")
        }

        // TLS.
        Reason::TlsNotOffered => {
            row(TLS, "not enabled on server", SslEnabled, format!("TLS is not enabled on the server {server}"))
                .cause("The server has `ssl = off`: set it to `on`, with a certificate and a key (PgBouncer: `client_tls_sslmode`).")
                .cause("TLS is not wanted: set `ssl_enabled = false`. Others on the network can then read the data.")
        }
        Reason::TlsNotNegotiated => {
            row(TLS, "error before handshake", SslEnabled, format!("{server} sent an error instead of starting TLS"))
                .cause("The server has too many connections or too little memory: try again.")
                .cause("Another problem, which the server's log names. An error before TLS can be forged, so its text is not shown.")
        }
        Reason::Certificate(problem) => certificate(problem, &server, refusal),
        Reason::TlsClientCertificate => {
            let sentence = format!("{server} requires a client certificate, which the KMS does not support");
            row(TLS, "client certificate required", SslEnabled, sentence)
                .cause("The endpoint is for clients with certificates: use one that requires a password alone.")
        }
        Reason::TlsLegacy { detail } => {
            let sentence = format!("{server} offers no TLS version and cipher that the provider supports: {detail}");
            row(TLS, "version or cipher unsupported", SslEnabled, sentence)
                .cause("The server has neither TLS 1.3 nor TLS 1.2 with ECDHE and AEAD ciphers.")
                .cause("The server requires a client certificate, which the KMS does not support.")
                .cause("The server is old, and only the provider is affected: the KMS supports some older ciphers.")
        }
        Reason::TlsFailed { detail } => {
            row(TLS, "handshake failed", SslEnabled, format!("the TLS handshake with {server} failed: {detail}"))
                .cause("A proxy that ends TLS, or an old pooler, stands between this machine and the server.")
        }
        Reason::TlsRequired => {
            row(LOGIN, "TLS required", SslEnabled, format!("{server} accepts only connections with TLS"))
                .cause("`ssl_enabled` is `false`: set it to `true`.")
        }

        // The password and the way it is requested.
        Reason::PasswordRefused => {
            let sentence = format!("password authentication failed for role `{role}` at {server}");
            row(LOGIN, "password rejected", Password, sentence)
                .cause("The password is wrong, has expired (`VALID UNTIL`) or was never set.")
                .cause(format!("Role `{role}` does not exist; names are case-sensitive. The server sends the same response."))
                .cause_if(by_pooler, "The pooler's `auth_file` holds an older password.")
                .cause("The password is stored as MD5 and the server requires SCRAM: set it again.")
                .run(Statement::set_password(role))
        }
        Reason::DirectoryRefused { directory } => {
            let sentence = format!("{directory} authentication failed for role `{role}` at {server}");
            row(LOGIN, &format!("password rejected by {directory}"), Password, sentence)
                .cause("The directory has another password. Many directories lock an account after a few failures.")
                .cause("On Amazon RDS, the role is a member of `rds_iam`: it logs in with short-lived tokens, not with a password.")
                .cause("The KMS needs a role whose password PostgreSQL stores (`scram-sha-256` in `pg_hba.conf`).")
        }
        Reason::ServerNotAuthenticated => {
            let sentence = format!("{server} does not have the password of role `{role}`: its SCRAM signature is wrong");
            row(LOGIN, "server signature is wrong", host, sentence)
                .cause("The host or the port belongs to another server: the right one has the password.")
                .cause("Another machine intercepts the connection. The password itself was not sent.")
        }
        Reason::InsecureAuthentication { how, channel } => {
            let how = match how {
                Insecure::ClearText => "in clear text".to_owned(),
                Insecure::Md5 => "as an MD5 hash".to_owned(),
                Insecure::WeakScram(1) => "with a single SCRAM iteration".to_owned(),
                Insecure::WeakScram(count) => format!("with only {count} SCRAM iterations"),
            };
            let (argument, where_) = match channel {
                Channel::Plain => (SslEnabled, "without TLS"),
                Channel::Unverified => (SslCertificate, "over TLS without a verified certificate"),
                Channel::LenientlyVerified => (SslCertificate, "over TLS with a certificate that strict rules reject"),
            };
            let sentence = format!("{server} requested the password {how} {where_}. The password was not sent");
            row(LOGIN, "password not sent", argument, sentence)
                .cause_if(
                    *channel != Channel::LenientlyVerified,
                    "The connection does not verify the server: set `ssl_enabled` and `ssl_reject_unauthorized` to `true`.",
                )
                .cause_if(
                    *channel == Channel::LenientlyVerified,
                    "The KMS accepts the certificate, but it breaks rules of RFC 5280 or has no DNS name (`subjectAltName`): \
                     issue a new one.",
                )
                .cause("The server does not use `scram-sha-256`, which keeps the password secret from others.")
        }
        Reason::TooManyIterations { count } => {
            let sentence = format!("{server} requires {count} SCRAM iterations, and the KMS computes at most 100000");
            row(LOGIN, "too many SCRAM iterations", host, sentence)
                .cause("`scram_iterations` was too high when the password was set: lower it and set the password again.")
                .cause("The host or the port belongs to another server.")
                .statement(
                    RunAs::RoleAdministrator,
                    format!("SET scram_iterations = 4096; ALTER ROLE {} WITH PASSWORD '…';", quoted(role)),
                )
        }
        Reason::UnsupportedAuthentication { method } => {
            let sentence = format!("{server} authenticates role `{role}` by {method}, not by a password");
            row(LOGIN, "no password authentication", Username, sentence)
                .cause_if(
                    method.contains("token"),
                    "The role uses tokens, which are valid for minutes: use a role with a password.",
                )
                .cause("`pg_hba.conf` has no `scram-sha-256` line for this role.")
                .cause("An earlier line of `pg_hba.conf` matches: the first one that matches is used.")
        }
        Reason::UnknownAuthentication { number } => {
            let sentence = format!("{server} requires authentication method {number}, which PostgreSQL does not have");
            row(LOGIN, "unknown authentication method", host, sentence)
                .cause("The server is another product: Amazon Redshift uses method 13.")
        }
        Reason::Throttled => {
            let sentence = format!("{server} blocks logins at the moment, after too many failed attempts");
            row(LOGIN, "too many failed attempts", host, sentence)
                .cause("Logins from this address or with this role failed: wait some minutes.")
                .cause("Other clients use an old password; each failure extends the block.")
        }

        // The role.
        Reason::NoSuchRole => row(LOGIN, "role not found", Username, format!("role `{role}` does not exist on {server}"))
            .cause("The name of the role is wrong; it is case-sensitive.")
            .statement(
                RunAs::CreateRole,
                format!("CREATE ROLE {} WITH LOGIN PASSWORD '…';", quoted(role)),
            ),
        Reason::RoleMayNotLogIn => {
            let sentence = format!("role `{role}` is not permitted to log in at {server} (NOLOGIN)");
            row(LOGIN, "role has NOLOGIN", Username, sentence)
                .cause("The role is a group: a connection needs a role with LOGIN.")
                .statement(RunAs::RoleAdministrator, format!("ALTER ROLE {} WITH LOGIN;", quoted(role)))
        }
        Reason::RoleRefused => row(LOGIN, "role rejected", Username, format!("{server} rejected role `{role}`"))
            .cause("The service has its own rules about its roles: see the server message, and the server's log at that time."),
        Reason::AccountExpired => {
            let sentence = format!("the account of role `{role}` at {server} has expired or is locked");
            row(LOGIN, "account expired or locked", Username, sentence)
                .cause("See the server message, and the account in the console or directory of the service.")
        }
        Reason::RoleWithoutServer => {
            let sentence = format!("{server} requires the name of the server after role `{role}`");
            row(LOGIN, "server name missing in role", Username, sentence)
                .cause("The service is Azure Database for PostgreSQL, single server: write the role as `role@server`.")
        }
        Reason::ClientCertificateNeeded => {
            let sentence = format!("{server} requires a client certificate for role `{role}`, which the KMS does not support");
            row(LOGIN, "client certificate required", Username, sentence)
                .cause("`pg_hba.conf` requires a certificate for this role: use a role that logs in with a password.")
        }
        Reason::NoAccessRule { encrypted: true } => {
            let sentence = format!("no pg_hba.conf entry of {server} allows role `{role}` from this address");
            row(LOGIN, "no pg_hba.conf entry", host, sentence)
                .cause("`pg_hba.conf` lacks an entry for this role and database from the address of this machine.")
                .cause("The KMS connects from another address, which needs an entry too.")
        }
        Reason::NoAccessRule { encrypted: false } => {
            let sentence = format!("no pg_hba.conf entry of {server} allows a connection without TLS");
            row(LOGIN, "no pg_hba.conf entry without TLS", SslEnabled, sentence)
                .cause("The server accepts only connections with TLS: set `ssl_enabled = true`.")
                .cause("Amazon RDS (`rds.force_ssl`) or Azure (`require_secure_transport`) requires TLS.")
                .cause("`pg_hba.conf` lacks an entry for this role and database from the address of this machine.")
        }
        Reason::RejectedByRule { encrypted } => {
            let (argument, tls) = if *encrypted { (host, "") } else { (SslEnabled, " without TLS") };
            let sentence = format!("a pg_hba.conf entry of {server} rejects role `{role}`{tls}");
            row(LOGIN, "rejected by pg_hba.conf", argument, sentence)
                .cause_if(!encrypted, "The server accepts only connections with TLS: set `ssl_enabled = true`.")
                .cause("A `reject` line of `pg_hba.conf` matches this role, database or address.")
        }

        // The database.
        Reason::NoSuchDatabase => {
            let sentence = format!("database `{database}` does not exist on {server}");
            row(LOGIN, "database not found", Database, sentence)
                .cause("The name of the database is wrong; it is case-sensitive.")
                .cause_if(by_pooler, "The pooler's list of databases lacks it, or its server does.")
                .statement(
                    RunAs::CreateDatabase,
                    format!("CREATE DATABASE {} OWNER {};", quoted(database), quoted(role)),
                )
        }
        Reason::NoConnectPrivilege => {
            let sentence = format!("permission denied for database `{database}`: role `{role}` may not connect to it");
            row(LOGIN, "permission denied for database", Database, sentence)
                .cause("The role lacks the CONNECT privilege. The password was accepted.")
                .statement(
                    RunAs::DatabaseOwner,
                    format!("GRANT CONNECT ON DATABASE {} TO {};", quoted(database), quoted(role)),
                )
        }
        Reason::DatabaseNotAccepting => {
            let sentence = format!("database `{database}` does not accept connections");
            row(LOGIN, "database accepts no connections", Database, sentence)
                .cause("The database is a template: use the database of the application.")
                .statement(
                    RunAs::DatabaseOwner,
                    format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true;", quoted(database)),
                )
        }
        Reason::DatabaseInvalid => {
            let sentence = format!("database `{database}` is invalid: a `DROP DATABASE` was interrupted");
            row(LOGIN, "database is invalid", Database, sentence)
                .cause("Its data is lost: drop it, create it again and restore a backup.")
                .statement(RunAs::DatabaseOwner, format!("DROP DATABASE {};", quoted(database)))
        }

        // The capacity and the state of the server.
        Reason::TooManyConnections(Scope::Role) => {
            row(LOGIN, "too many connections for role", Username, format!("too many connections for role `{role}` at {server}"))
                .cause(format!("The role's `CONNECTION LIMIT` is reached (0 allows none). {ACCEPTED_FIRST}"))
                .statement(RunAs::RoleAdministrator, format!("ALTER ROLE {} CONNECTION LIMIT -1;", quoted(role)))
        }
        Reason::TooManyConnections(Scope::Database) => {
            let sentence = format!("too many connections for database `{database}` at {server}");
            row(LOGIN, "too many connections for database", Database, sentence)
                .cause(format!("The database's `CONNECTION LIMIT` is reached (0 allows none). {ACCEPTED_FIRST}"))
                .statement(
                    RunAs::DatabaseOwner,
                    format!("ALTER DATABASE {} CONNECTION LIMIT -1;", quoted(database)),
                )
        }
        Reason::TooManyConnections(Scope::Server) => {
            row(LOGIN, "too many connections", host, format!("too many connections at {server}"))
                .cause("`max_connections` of the server is reached: close sessions, or try again later. The password was not checked.")
        }
        Reason::TooManyConnections(Scope::Ordinary) => {
            let sentence = format!("too many connections at {server}: it has only reserved connection slots left");
            row(LOGIN, "too many connections", host, sentence).cause(format!(
                "`max_connections` of the server is reached: close sessions, or try again later. {ACCEPTED_FIRST}"
            ))
        }
        Reason::TooManyConnections(Scope::Pooler) => {
            row(LOGIN, "too many connections at pooler", host, format!("too many connections at the pooler {server}"))
                .cause("The pooler's limits (`max_client_conn`) are reached: raise them, or try again later. The password was not checked.")
        }
        Reason::Starting => row(LOGIN, "server not ready", host, format!("{server} does not accept logins at the moment"))
            .cause("The server starts, stops or recovers: try again in a minute.")
            .cause("The server is a standby that allows no queries: use the host of the primary."),
        Reason::Terminated => row(LOGIN, "session terminated", host, format!("{server} terminated the session"))
            .cause("The server restarted or failed over, or an administrator ended the session: try again in a minute."),

        // Poolers, proxies and managed services.
        Reason::NoSuchTenant => {
            row(LOGIN, "tenant not found", Username, format!("the pooler at {server} has no project for role `{role}`"))
                .cause("The role lacks the project: Supabase expects `role.project`, such as `postgres.abcdefgh`.")
                .cause("The project or the host is wrong: each region has its own pooler.")
        }
        Reason::UnknownToProxy => {
            row(LOGIN, "role unknown to proxy", Username, format!("the proxy at {server} has no password for role `{role}`"))
                .cause("No secret of the proxy (Amazon RDS Proxy) names this role.")
                .cause("The role is meant to log in to the database itself: set `host` to the database's own endpoint.")
        }
        Reason::HostNameMissing { encrypted } => {
            let sentence = format!("{server} selects the database by host name, and the connection did not send one");
            let argument = if *encrypted { Host } else { SslEnabled };
            row(LOGIN, "host name missing", argument, sentence)
                .cause_if(
                    *encrypted,
                    "`host` is an IP address: use the DNS name of the endpoint (Neon, CockroachDB).",
                )
                .cause_if(*encrypted, "On CockroachDB, `database` can name the cluster instead: `cluster.database`.")
                .cause_if(
                    !encrypted,
                    "The service (Neon) reads the name from the TLS handshake: set `ssl_enabled = true`.",
                )
        }
        Reason::ServiceSuspended => {
            row(LOGIN, "database suspended", host, format!("the service at {server} has suspended this database"))
                .cause("A quota is exhausted or the endpoint is disabled: see the server message and the service's console.")
        }
        Reason::NoPool => {
            let sentence = format!("the pooler at {server} has no pool for role `{role}` and database `{database}`");
            row(LOGIN, "no pool at pooler", Username, sentence)
                .cause("The pooler's pools (pgcat) or routes (Odyssey) lack this role and database.")
                .cause("The name of the role or the database is wrong; both are case-sensitive.")
        }
        Reason::PoolerWithoutServer => {
            let sentence = format!("the pooler at {server} has no connection to its server");
            row(LOGIN, "pooler without server", host, sentence)
                .cause("The server is down or has too many connections; see the pooler's log.")
                .cause("The password that the pooler uses there (`auth_file`) is an old one.")
        }
        Reason::PoolerRefused => {
            row(LOGIN, "rejected by pooler", Username, format!("the pooler at {server} rejected role `{role}`"))
                .cause("The pooler's access rules (`auth_hba_file`) or its list of databases exclude it; see the pooler's log.")
        }
        Reason::OtherServerError { sqlstate, message } => {
            let summary = if sqlstate.is_empty() { "server error".to_owned() } else { format!("SQLSTATE {sqlstate}") };
            row(LOGIN, &summary, host, format!("{server} rejected the login: {}", shortened(message, 100)))
                .cause("See the server message, the service's status page, or the server's log at that time.")
        }
    }
}

const ACCEPTED_FIRST: &str = "The password was accepted.";

fn name_of(stage: Stage) -> &'static str {
    match stage {
        Stage::Dns => "DNS lookup",
        Stage::Tcp => "TCP connection",
        Stage::SslRequest => "TLS request",
        Stage::Tls => "TLS handshake",
        Stage::Login => "login",
        Stage::Query => "first query",
    }
}

fn kind_of_address(kind: AddressKind) -> &'static str {
    match kind {
        AddressKind::Unspecified => "an unspecified address",
        AddressKind::Broadcast => "the broadcast address",
        AddressKind::Multicast => "a multicast address",
        AddressKind::LinkLocal => "a link-local address",
        AddressKind::Metadata => "a metadata address, where clouds serve the credentials of their machines",
    }
}

fn row(class: &str, what: &str, argument: Argument, sentence: String) -> Explanation {
    let summary = format!("{class}: {what}");
    Explanation { summary, argument, sentence, facts: Vec::new(), causes: Vec::new(), statement: None }
}

impl Explanation {
    fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    fn cause_if(self, condition: bool, cause: &str) -> Self {
        if condition { self.cause(cause) } else { self }
    }

    fn run(self, statement: Statement) -> Self {
        Self { statement: Some(statement), ..self }
    }

    fn statement(self, run_as: RunAs, sql: String) -> Self {
        self.run(Statement::new(run_as, sql))
    }
}
