//! The words of each reason of a failed login: the argument, one sentence, possible causes and the statement to run.

mod certificate;
pub(crate) mod privileges;

use time::macros::format_description;

use self::Argument::{Address, Database, Host, Password, Port, SslCertificate, SslEnabled, Username};
use self::certificate::certificate;
use crate::postgres::{Endpoint, Insecure, Reason, Refusal, RunAs, Scope, Stage, Statement, hex, quoted};
use crate::terraform::diagnostic::Path;
use crate::text::shown;

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
            Host => Path::from("host"),
            Port => Path::from("port"),
            Address => Path::from("validation").attribute("address"),
            Database => Path::from("database"),
            Username => Path::from("username"),
            Password => Path::from(password_argument),
            SslEnabled => Path::from("ssl_enabled"),
            SslCertificate => Path::from("ssl_certificate"),
        }
    }
}

/// The parts of a message about a failed login.
pub struct Explanation {
    /// The argument that is most likely wrong.
    pub argument: Argument,
    /// One sentence that explains the case on its own.
    pub headline: String,
    /// Possible causes, most likely first.
    pub causes: Vec<String>,
    /// The statement that removes the cause.
    pub statement: Option<Statement>,
}

/// Returns the words for a failed login. The headline ends with the SQLSTATE, when the server sent one.
pub fn explain(refusal: &Refusal) -> Explanation {
    let mut row = row_of(&refusal.reason, refusal);
    if let Some(said) = &refusal.said {
        row.headline = format!("{} ({})", row.headline.trim_end_matches('.'), said.sqlstate);
    }
    row
}

/// Returns the facts of a failed login, one per line.
pub fn facts(refusal: &Refusal) -> Vec<String> {
    let mut lines: Vec<_> = server_said(refusal).into_iter().collect();
    lines.push(asked(refusal));
    lines.extend(every_address(refusal));
    lines.push(when_and_where(refusal));
    lines
}

/// What the server said: SQLSTATE and text.
pub(crate) fn server_said(refusal: &Refusal) -> Option<String> {
    let said = refusal.said.as_ref()?;
    let who = if said.by_pooler { "The pooler" } else { "The server" };
    let detail = said.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    Some(format!("{who} said: {} {}{detail}", said.sqlstate, said.message))
}

/// Who was asked as which role for which database.
pub(crate) fn asked(refusal: &Refusal) -> String {
    let (role, database) = (shown(&refusal.username), shown(&refusal.database));
    format!("Asked: {} as role `{role}` for database `{database}`.", endpoint(&refusal.endpoint))
}

/// The name, what was dialled instead, and the address.
pub(crate) fn endpoint(endpoint: &Endpoint) -> String {
    let mut text = format!("`{}`", endpoint.name());
    if endpoint.written_host() != endpoint.host {
        text += &format!(", in DNS and certificates `{}`", shown(&endpoint.host));
    }
    if let Some(dialled) = &endpoint.overridden {
        text += &format!(", dialled as `{dialled}`");
    }
    if let Some(address) = endpoint.address {
        text += &format!(" (address {address})");
    }
    text
}

/// What each address of the name answered, where several were tried.
fn every_address(refusal: &Refusal) -> Option<String> {
    let lines: Vec<_> = refusal.passed_over.iter().map(|(address, said)| format!("{address}: {said}")).collect();
    (lines.len() > 1).then(|| format!("Tried all addresses of the name: {}.", lines.join("; ")))
}

/// When (UTC) and from which address.
pub(crate) fn when_and_where(refusal: &Refusal) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    let when = refusal.at.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default();
    match refusal.endpoint.local {
        Some(local) => format!("When: {when}, from {local}."),
        None => format!("When: {when}."),
    }
}

/// The roles that may run a statement.
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
        RunAs::DatabaseOwner => "the owner of the database or a superuser",
        RunAs::CreateDatabase => "a superuser, or as a role with CREATEDB that is a member of the new owner",
        RunAs::MasterUser => "the master user of the instance",
    }
}

/// The table.
fn row_of(reason: &Reason, about: &Refusal) -> Explanation {
    let server = format!("`{}`", about.endpoint.name());
    let (role, database) = (&*shown(&about.username), &*shown(&about.database));
    // What is wrong with the network is wrong with what was dialled.
    let overridden = about.endpoint.overridden.is_some();
    let (host, port) = if overridden { (Address, Address) } else { (Host, Port) };
    let dialled = match &about.endpoint.overridden {
        Some(address) => shown(&address.host).into_owned(),
        None => shown(&about.endpoint.host).into_owned(),
    };
    let by_pooler = about.said.as_ref().is_some_and(|said| said.by_pooler);
    match reason {
        Reason::ForbiddenAddress { address, kind } => {
            let leads = if dialled.parse() == Ok(*address) { "is" } else { "leads to" };
            let kind = if leads == "is" { (*kind).to_owned() } else { format!("{address}, {kind}") };
            row(host, format!("`{dialled}` {leads} {kind}: it is never contacted"))
                .check("The name: does it mean the database, and does its DNS record hold the database's address?")
        }
        Reason::UnusableHost => row(host, format!("`{dialled}` is neither a DNS name nor an IP address"))
            .check("One host name or address, without scheme, port, user or spaces."),
        Reason::DnsFailed { detail } => dns_failed(detail, &dialled, host),
        Reason::ConnectionRefused => row(port, format!("nothing accepts connections at {server}"))
            .check("The port, and whether the server runs.")
            .check("`listen_addresses` of the server: by default it listens on its own machine only."),
        Reason::Unreachable { detail } => row(host, format!("there is no way to {server}: {detail}"))
            .check("Whether this machine is in the network (VPN, peering) that the address belongs to.")
            .check("An IPv6 address needs a machine with IPv6."),
        Reason::TimedOut { stage: stage @ (Stage::Dns | Stage::Tcp) } => {
            row(host, format!("{server} did not answer in time ({})", stage_name(*stage)))
                .check("A firewall, security group or allow-list that drops connections from this machine.")
                .check("The host name and the address that it has from here.")
        }
        Reason::TimedOut { stage: stage @ (Stage::SslRequest | Stage::Tls) } => {
            row(port, format!("{server} accepted the connection and then fell silent ({})", stage_name(*stage)))
                .check("Whether PostgreSQL listens on this port, or a proxy without a server behind it.")
        }
        Reason::TimedOut { stage } => row(host, format!("{server} did not finish {} in time", stage_name(*stage)))
            .check("A pooler that waits for the server behind it, or a server under load.")
            .check("The password: some servers delay the answer to a wrong one (`auth_delay`)."),
        Reason::Closed { stage, reset } => {
            let how = if *reset { "reset" } else { "closed" };
            row(host, format!("{server} {how} the connection without a word ({})", stage_name(*stage)))
                .check_if(*stage == Stage::SslRequest, "The port: one for HTTPS looks like this.")
                .check_if(*stage == Stage::Login, "The port: another protocol, or one that wants TLS (`ssl_enabled`).")
                .check("A load balancer or proxy without a server behind it.")
                .check("A filter that admits only some addresses: the KMS comes from another one.")
        }
        Reason::TlsNotOffered => row(SslEnabled, format!("{server} does not offer TLS"))
            .check("Turn TLS on there: `ssl = on` with a certificate and a key; PgBouncer: `client_tls_sslmode`.")
            .check("Or set `ssl_enabled = false`, if everybody on the way may read the data."),
        Reason::TlsNotNegotiated => {
            row(SslEnabled, format!("TLS could not be negotiated with {server}: it sent an error instead"))
                .check(
                    "The server's log at that time. Its error came before TLS, so it proves nothing and is left out.",
                )
                .check("A server with too many connections or too little memory answers so: try again.")
        }
        Reason::NotPostgres { protocol, first } => {
            let answer = match protocol {
                Some(protocol) => format!("it speaks {protocol}"),
                None if first == b"S" => "it said yes to TLS, and then something that is not TLS".to_owned(),
                None => format!("its answer begins with the bytes {}", hex(first.get(..8).unwrap_or(first), " ")),
            };
            row(port, format!("what answers at {server} is not a PostgreSQL server: {answer}"))
                .check("The port; PostgreSQL's own is 5432.")
                .check("The host.")
        }
        Reason::Certificate(problem) => certificate(problem, &server, about),
        Reason::TlsClientCertificate => {
            row(SslEnabled, format!("{server} wants a client certificate, which the KMS cannot show"))
                .check("Another endpoint of this database that asks for a password alone.")
        }
        Reason::TlsLegacy { detail } => {
            row(SslEnabled, format!("{server} offers only TLS that this program does not speak: {detail}"))
                .check("TLS 1.2 with ECDHE and AEAD ciphers, or TLS 1.3, on the server.")
                .check("A server that wants a client certificate can look like this too; the KMS has none to show.")
                .check("The KMS speaks some of the older ciphers: it may get in where this login cannot.")
        }
        Reason::TlsFailed { detail } => row(SslEnabled, format!("TLS with {server} failed: {detail}"))
            .check("What stands between here and the server: a proxy that ends TLS, an old pooler."),
        Reason::PasswordRefused => row(Password, format!("{server} refused the password of role `{role}`"))
            .check("The password.")
            .check(format!("Whether role `{role}` exists: the answer is the same when it does not."))
            .check_if(by_pooler, "The pooler's `auth_file`: it may still hold an older password.")
            .check("Upper and lower case of the role's name: they matter once it was created in quotes.")
            .check("Whether the password has expired (`VALID UNTIL`) or was never set.")
            .check("Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.")
            .statement(format!("ALTER ROLE {} WITH LOGIN PASSWORD '…';", quoted(role)), RunAs::RoleAdministrator),
        Reason::NoSuchRole => row(Username, format!("{server} has no role `{role}`"))
            .check("The name of the role, upper and lower case included.")
            .statement(format!("CREATE ROLE {} WITH LOGIN PASSWORD '…';", quoted(role)), RunAs::RoleAdministrator),
        Reason::RoleMayNotLogIn => row(Username, format!("role `{role}` may not log in at {server}: it is NOLOGIN"))
            .check("Whether this is a group role; a connection needs a role that may log in.")
            .statement(format!("ALTER ROLE {} WITH LOGIN;", quoted(role)), RunAs::RoleAdministrator),
        Reason::NoAccessRule { encrypted: true } => {
            row(host, format!("{server} has no access rule for role `{role}` from here"))
                .check("`pg_hba.conf` of the server: it lists who may come from which address to which database.")
                .check("The KMS comes from another address and needs a rule for that one.")
        }
        Reason::NoAccessRule { encrypted: false } => {
            row(SslEnabled, format!("{server} has no access rule for a connection without TLS"))
                .check("Set `ssl_enabled = true`: the server probably admits encrypted connections only.")
                .check("The setting is `rds.force_ssl` on Amazon RDS, `require_secure_transport` on Azure.")
                .check("`pg_hba.conf` of the server: it lists who may come from which address to which database.")
        }
        Reason::RejectedByRule { encrypted } => {
            let argument = if *encrypted { host } else { SslEnabled };
            let tls = if *encrypted { "" } else { " without TLS" };
            let row = row(argument, format!("an access rule of {server} rejects role `{role}`{tls}"));
            row.check_if(!encrypted, "Set `ssl_enabled = true`.")
                .check("The `reject` line in `pg_hba.conf` of the server.")
        }
        Reason::ClientCertificateNeeded => {
            let headline = format!("{server} wants a client certificate for role `{role}`, which the KMS cannot show");
            row(Username, headline).check("A role that logs in with a password.")
        }
        Reason::DirectoryRefused { directory } => row(
            Password,
            format!("{server} refused the password of role `{role}`, which {directory} judges, not the database"),
        )
        .check("The password in that directory. Many lock an account after a few failures.")
        .check("On Amazon RDS a member of `rds_iam` logs in with short-lived tokens, never with a password.")
        .check("A role whose password the database itself keeps, let in by `scram-sha-256` in `pg_hba.conf`."),
        Reason::RoleRefused => row(Username, format!("{server} refused role `{role}`")).check(
            "The server's message above and its log at that time: the service has its own rules about who may log in.",
        ),
        Reason::NoSuchTenant => row(Username, format!("the pooler at {server} knows no project behind role `{role}`"))
            .check("The form of the name: Supabase wants `role.project`, such as `postgres.abcdefgh`.")
            .check("The project, and the host: each region has a pooler of its own."),
        Reason::UnknownToProxy => row(Username, format!("the proxy at {server} has no password for role `{role}`"))
            .check("The secrets of the proxy (Amazon RDS Proxy): one of them must name this role.")
            .check("Or the database's own endpoint as `host`, where the role's password counts."),
        Reason::HostNotTold { encrypted } => {
            let headline = format!("{server} picks the database by host name, and the connection did not carry one");
            if *encrypted {
                row(host, headline)
                    .check(
                        "The DNS name of the endpoint as `host` (Neon, CockroachDB): an IP address does not carry it.",
                    )
                    .check("On CockroachDB the cluster can stand in `database` instead: `cluster.database`.")
            } else {
                row(SslEnabled, headline)
                    .check("Set `ssl_enabled = true`: this service (Neon) reads the name from the TLS handshake.")
            }
        }
        Reason::ServiceSuspended => row(host, format!("the service at {server} has suspended this database"))
            .check("The server's message above: a quota of the account, or a disabled endpoint.")
            .check("The console of the service: raise the limit or enable the endpoint."),
        Reason::NoPool => {
            row(Username, format!("the pooler at {server} has no pool for role `{role}` and database `{database}`"))
                .check("The pooler's configuration: its pools (pgcat) or routes (Odyssey) name databases and roles.")
                .check("The names of role and database, which are case-sensitive.")
        }
        Reason::AccountExpired => {
            row(Username, format!("the account of role `{role}` at {server} has expired or is locked"))
                .check("The server's message above, and the account in the service's console or directory.")
        }
        Reason::RoleWithoutServer => row(Username, format!("{server} wants the server's name behind role `{role}`"))
            .check("The form `role@server` (Azure Database for PostgreSQL, single server)."),
        Reason::Throttled => row(host, format!("{server} is blocking logins for now, after too many failed attempts"))
            .check("Failed logins from this address or as this role: wait some minutes.")
            .check("Other clients with an old password; each failure lengthens the wait."),
        Reason::NoSuchDatabase => row(Database, format!("{server} has no database `{database}`"))
            .check("The name of the database, upper and lower case included.")
            .check_if(by_pooler, "The pooler's own list of databases, and the server behind it.")
            .statement(format!("CREATE DATABASE {} OWNER {};", quoted(database), quoted(role)), RunAs::CreateDatabase),
        Reason::NoConnectPrivilege => row(Database, format!("role `{role}` may not connect to database `{database}`"))
            .check("The password is right; the role lacks the CONNECT privilege.")
            .statement(
                format!("GRANT CONNECT ON DATABASE {} TO {};", quoted(database), quoted(role)),
                RunAs::DatabaseOwner,
            ),
        Reason::DatabaseNotAccepting => row(Database, format!("database `{database}` accepts no connections"))
            .check("Whether it is a template; choose the database that the application uses.")
            .statement(
                format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true;", quoted(database)),
                RunAs::DatabaseOwner,
            ),
        Reason::DatabaseInvalid => {
            row(Database, format!("database `{database}` is broken: a `DROP DATABASE` was interrupted"))
                .check("Its data is gone: drop what is left, create it again and restore a backup.")
                .statement(format!("DROP DATABASE {};", quoted(database)), RunAs::DatabaseOwner)
        }
        Reason::TooManyConnections(scope) => too_many_connections(*scope, &server, host, about),
        Reason::Starting => row(host, format!("{server} takes no logins right now"))
            .check("It starts up, shuts down or recovers: try again in a minute.")
            .check("Whether it is a standby that answers no queries: use the host of the primary then."),
        Reason::Terminated => row(host, format!("{server} ended the session"))
            .check("A restart, a failover or an administrator: try again in a minute."),
        Reason::TlsRequired => {
            row(SslEnabled, format!("{server} admits encrypted connections only")).check("Set `ssl_enabled = true`.")
        }
        Reason::PoolerWithoutServer => {
            row(host, format!("the pooler at {server} gets no connection to the server behind it"))
                .check("Whether that server runs and has connections left; the pooler's log says more.")
                .check("The password that the pooler uses there (`auth_file`): it may be an older one.")
        }
        Reason::PoolerRefused => {
            row(Username, format!("the pooler at {server} refused role `{role}` by rules of its own"))
                .check("The pooler's rules of access (`auth_hba_file`) and its list of databases.")
                .check("The pooler's log at that time, which says more.")
        }
        Reason::ImpostorServer => row(host, format!("{server} does not know the password of role `{role}` itself"))
            .check("The host and the port: the right server proves that it knows the password.")
            .check("Whether somebody stands in between. The password itself was not shown to the other side."),
        Reason::UnsupportedAuthentication { method } => {
            row(Username, format!("{server} lets role `{role}` in by {method} only, not by a password"))
                .check_if(
                    method.contains("token"),
                    "A role with a password of its own: a token is valid for minutes only.",
                )
                .check("A role that `pg_hba.conf` lets in with `scram-sha-256`.")
                .check("The order of its lines: the first that fits decides.")
        }
        Reason::UnknownAuthentication { number } => {
            row(host, format!("{server} asks for login method {number}, which no PostgreSQL has"))
                .check("Whether this is PostgreSQL at all: Amazon Redshift asks for method 13.")
        }
        Reason::InsecureAuthentication { how, encrypted } => {
            let how = match how {
                Insecure::ClearText => "in clear text".to_owned(),
                Insecure::Md5 => "as an MD5 hash".to_owned(),
                Insecure::WeakScram(1) => "with a single SCRAM iteration".to_owned(),
                Insecure::WeakScram(count) => format!("with only {count} SCRAM iterations"),
            };
            let argument = if *encrypted { SslCertificate } else { SslEnabled };
            let headline = format!("{server} asks for the password {how}, and others could listen: it was not sent");
            row(argument, headline)
                .check("TLS with a verified certificate (`ssl_enabled` and `ssl_reject_unauthorized` both true).")
                .check("Or `scram-sha-256` on the server, which never shows the password to anybody.")
        }
        Reason::TooManyIterations { count } => {
            row(host, format!("{server} asks for {count} SCRAM iterations; the KMS calculates 100000 at most"))
                .check("`scram_iterations` when the password was set: lower it and set the password again.")
                .check("Whether this is the right server: nobody needs so many.")
                .statement(
                    format!("SET scram_iterations = 4096; ALTER ROLE {} WITH PASSWORD '…';", quoted(role)),
                    RunAs::RoleAdministrator,
                )
        }
        Reason::OtherServerError { message, .. } => {
            row(host, format!("{server} refused the login: {}", brief(message)))
                .check("The server's message above; the service's status page or the server's log at that time.")
        }
        Reason::Protocol { detail } => {
            row(host, format!("{server} gave an answer that makes no sense in a login: {detail}"))
                .check("What stands between here and the server: a proxy, a pooler, or another product.")
        }
    }
}

/// The name of a stage in a sentence.
fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Dns => "looking up the name",
        Stage::Tcp => "opening the connection",
        Stage::SslRequest => "asking for TLS",
        Stage::Tls => "the TLS handshake",
        Stage::Login => "the login",
        Stage::Query => "the first query",
    }
}

/// What the resolver says, in other words where they are known.
fn dns_failed(detail: &str, dialled: &str, host: Argument) -> Explanation {
    let detail = detail.trim_start_matches("failed to lookup address information: ");
    if detail.contains("Temporary failure") || detail.contains("Try again") {
        return row(host, format!("this machine's DNS gave no answer about `{dialled}`: {detail}"))
            .check("The DNS of this machine: try again, or look up another name.")
            .check("A private zone or VPN that is not up.");
    }
    row(host, format!("the name `{dialled}` does not resolve on this machine: {detail}"))
        .check("The spelling of the name.")
        .check("Whether the name exists only in a private zone or VPN that this machine does not see.")
}

const ACCEPTED_FIRST: &str = "The password was accepted: PostgreSQL checks it before it counts connections.";

fn too_many_connections(scope: Scope, server: &str, host: Argument, about: &Refusal) -> Explanation {
    let (role, database) = (&about.username, &about.database);
    match scope {
        Scope::Role => row(Username, format!("role `{role}` has reached its connection limit at {server}"))
            .check("Which sessions the role has open, and its `CONNECTION LIMIT` (0 allows none).")
            .check(ACCEPTED_FIRST)
            .statement(format!("ALTER ROLE {} CONNECTION LIMIT -1;", quoted(role)), RunAs::RoleAdministrator),
        Scope::Database => row(Database, format!("database `{database}` has reached its connection limit at {server}"))
            .check("Which sessions are open in it, and its `CONNECTION LIMIT` (0 allows none).")
            .check(ACCEPTED_FIRST)
            .statement(format!("ALTER DATABASE {} CONNECTION LIMIT -1;", quoted(database)), RunAs::DatabaseOwner),
        Scope::Server => row(host, format!("{server} has no connection left"))
            .check("`max_connections` of the server, and who is connected: try again when fewer are.")
            .check("Whether the password is right is not known: the server did not come to that."),
        Scope::Ordinary => row(host, format!("{server} has only its reserved connection slots left"))
            .check("`max_connections` of the server, and which sessions are open: try again when there are fewer.")
            .check(ACCEPTED_FIRST),
        Scope::Pooler => row(host, format!("the pooler at {server} has no connection left"))
            .check("Try again, or raise the pooler's limits (`max_client_conn`).")
            .check("Whether the password is right is not known: the pooler did not come to that."),
    }
}

/// Of a server's words as many as fit a line; all of them follow below it.
fn brief(message: &str) -> String {
    const MAX: usize = 100;
    match message.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}

fn row(argument: Argument, headline: String) -> Explanation {
    Explanation { argument, headline, causes: Vec::new(), statement: None }
}

impl Explanation {
    fn check(mut self, line: impl Into<String>) -> Self {
        self.causes.push(line.into());
        self
    }

    fn check_if(self, condition: bool, line: impl Into<String>) -> Self {
        if condition { self.check(line) } else { self }
    }

    fn statement(mut self, sql: String, run_as: RunAs) -> Self {
        self.statement = Some(Statement::new(run_as, sql));
        self
    }
}
