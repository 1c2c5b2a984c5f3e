//! The database login against scripted servers: broken, hostile, or of another protocol.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use terraform_provider_kms::postgres::{
    Address, Certainty, Certificates, Channel, Insecure, Questions, Reason, Refusal, Scope, Stage, Target, Tls, login,
    resolve,
};
use terraform_provider_kms::provider::messages::postgres::{Argument, explain};
use terraform_provider_kms::secret::Secret;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::postgres_login::everything;
use crate::support::postgres::{Authority, Validity};
use crate::support::scripted_postgres::{
    Drip, Fake, Read, Reset, Scram, Send, Silence, asks_for_scram, authentication, error, lets_in, message, send, tls,
    tls_with_chain,
};

const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(300);
const PASSWORD: &str = "tr0ub4dor&3";
/// The beginning of a message of 20 000 bytes.
const ERROR_WITHOUT_END: [u8; 6] = [b'E', 0, 0, 0x4e, 0x20, b'S'];

/// A login to a scripted server.
fn target(port: u16, tls: Tls) -> Target {
    Target {
        host: "localhost".to_owned(),
        port,
        database: "shop".to_owned(),
        username: "clerk".to_owned(),
        password: Secret::new(PASSWORD),
        tls,
        address: None,
        questions: Questions::default(),
    }
}

async fn refused(target: &Target, timeout: Duration) -> Refusal {
    match login(target, timeout).await {
        Ok(_) => panic!("accepted"),
        Err(refusal) => refusal,
    }
}

#[tokio::test]
async fn deadline_ends_silence_at_any_stage() {
    let authority = Authority::new("Fake CA");
    let trusting = Tls::Verified { ca: Some(Certificates::parse(authority.pem()).unwrap()) };
    let cases = [
        (vec![Silence], Tls::Unverified, Stage::SslRequest, Argument::Port),
        (vec![Read, send("S"), Silence], Tls::Unverified, Stage::Tls, Argument::Port),
        (vec![Read, send("S"), Read, Silence], Tls::Unverified, Stage::Tls, Argument::Port),
        (vec![Read, send("S"), tls(&authority), Silence], trusting, Stage::Login, Argument::Host),
        (vec![Silence], Tls::Off, Stage::Login, Argument::Host),
        (vec![Read, send(authentication(10, b"SCRAM-SHA-256\0\0")), Silence], Tls::Off, Stage::Login, Argument::Host),
        (vec![Read, send(authentication(0, b"")), Silence], Tls::Off, Stage::Login, Argument::Host),
        (
            vec![Read, send([authentication(0, b""), message(b'Z', b"I")].concat()), Silence],
            Tls::Off,
            Stage::Query,
            Argument::Host,
        ),
        (vec![Read, Drip(&ERROR_WITHOUT_END, Duration::from_millis(100))], Tls::Off, Stage::Login, Argument::Host),
        (vec![Read, send("E\0\0"), Silence], Tls::Unverified, Stage::SslRequest, Argument::Port),
    ];
    for (script, tls, stage, argument) in cases {
        let fake = Fake::start(script).await;
        let refusal = refused(&target(fake.port, tls), SHORT).await;
        assert_eq!(refusal.reason, Reason::TimedOut { stage });
        assert_eq!(
            (refusal.stage, refusal.certainty(), explain(&refusal).argument),
            (stage, Certainty::Unreachable, argument)
        );
        assert_eq!(fake.connections(), 1);
    }
}

#[tokio::test]
async fn recognizes_other_protocols() {
    let http = send("HTTP/1.1 400 Bad Request\r\n\r\n");
    let mysql = send(b"\x4a\x00\x00\x00\x0a8.0.36\x00");
    let cases = [
        (vec![Read, http.clone()], Some("HTTP")),
        (vec![send("SSH-2.0-OpenSSH_9.2p1\r\n"), Read], Some("SSH")),
        (vec![mysql], Some("MySQL")),
        (vec![Read, send("-ERR unknown command\r\n")], Some("Redis")),
        (vec![send("220 mail.test ESMTP\r\n"), Read], Some("SMTP or FTP")),
        (vec![Read, send(b"\x15\x03\x01\x00\x02\x02\x46")], Some("TLS at once, without PostgreSQL's request")),
        (vec![Read, send(b"\xde\xad\xbe\xef\x00\x01\x02\x03\x04")], None),
        (vec![Read, send("?"), Read], None),
    ];
    for (script, protocol) in cases {
        for tls in [Tls::Off, Tls::Unverified] {
            let fake = Fake::start(script.clone()).await;
            let refusal = refused(&target(fake.port, tls.clone()), LOGIN_TIMEOUT).await;
            let Reason::NotPostgres { protocol: seen, first } = &refusal.reason else {
                panic!("{protocol:?} {tls:?}: {:?}", refusal.reason)
            };
            assert_eq!(*seen, protocol, "{tls:?} {first:?}");
            assert_eq!((refusal.certainty(), explain(&refusal).argument), (Certainty::Conclusive, Argument::Port));
            let shown = protocol.map_or_else(|| format!("bytes {:02x}", first[0]), str::to_owned);
            assert!(explain(&refusal).sentence.contains(&shown), "{}", explain(&refusal).sentence);
        }
    }
}

#[tokio::test]
async fn names_what_a_broken_server_does() {
    let closed = |stage, reset| Reason::Closed { stage, reset };
    let too_many = Reason::TooManyConnections(Scope::Server);
    let no_sense = |detail: &str| Reason::Protocol { detail: detail.to_owned() };
    let sorry = error("SFATAL|VFATAL|C53300|Msorry, too many clients already|");
    #[rustfmt::skip]
    let cases = [
        ("no TLS", vec![Read, send("N")], Tls::Unverified, Reason::TlsNotOffered, Argument::SslEnabled),
        ("closed at once", vec![], Tls::Unverified, closed(Stage::SslRequest, false), Argument::Host),
        ("closed at once, plain", vec![Read], Tls::Off, closed(Stage::Login, false), Argument::Host),
        ("reset", vec![Read, Reset], Tls::Unverified, closed(Stage::SslRequest, true), Argument::Host),
        ("reset, plain", vec![Read, Reset], Tls::Off, closed(Stage::Login, true), Argument::Host),
        ("S and closed", vec![Read, send("S")], Tls::Unverified, closed(Stage::Tls, false), Argument::Host),
        ("S and garbage", vec![Read, send("S"), Read, send("garbage, not TLS")], Tls::Unverified, Reason::NotPostgres { protocol: None, first: b"S".to_vec() }, Argument::Port),
        ("S and garbage together", vec![Read, send("Sgarbage")], Tls::Unverified, Reason::NotPostgres { protocol: None, first: b"Sgarbage".to_vec() }, Argument::Port),
        ("error instead of S", vec![Read, Send(sorry.clone())], Tls::Unverified, Reason::TlsNotNegotiated, Argument::SslEnabled),
        ("ERROR instead of S", vec![Read, send("ERROR\r\nnext")], Tls::Unverified, Reason::NotPostgres { protocol: None, first: b"ERROR\r\nnext".to_vec() }, Argument::Port),
        ("half a request", vec![Read, Send(authentication(5, b"sa"))], Tls::Off, no_sense("a truncated `AuthenticationMD5Password` message"), Argument::Host),
        ("error", vec![Read, Send(sorry.clone())], Tls::Off, too_many, Argument::Host),
        ("old error", vec![Read, send("EFATAL: unsupported frontend protocol\0")], Tls::Unverified, Reason::NotPostgres { protocol: None, first: b"EFATAL: unsupported frontend pro".to_vec() }, Argument::Port),
        ("pooler", vec![Read, Send(error("SFATAL|C08P01|Mno such database: shop|"))], Tls::Off, Reason::NoSuchDatabase, Argument::Database),
        ("kerberos", vec![Read, Send(authentication(7, b""))], Tls::Off, Reason::UnsupportedAuthentication { method: "GSSAPI".to_owned() }, Argument::Username),
        ("another SASL", vec![Read, Send(authentication(10, b"OAUTHBEARER\0\0"))], Tls::Off, Reason::UnsupportedAuthentication { method: "OAUTHBEARER".to_owned() }, Argument::Username),
        ("without end", vec![Read, Send([authentication(0, b""), message(b'S', format!("x\0{}\0", "y".repeat(30_000)).as_bytes()).repeat(20)].concat())], Tls::Off, no_sense("more data than any login takes"), Argument::Host),
        ("weak SCRAM", [asks_for_scram(), vec![Scram("r={nonce}x,s={salt},i=1")]].concat(), Tls::Off, Reason::InsecureAuthentication { how: Insecure::WeakScram(1), channel: Channel::Plain }, Argument::SslEnabled),
        ("costly SCRAM", [asks_for_scram(), vec![Scram("r={nonce}x,s={salt},i=20000000")]].concat(), Tls::Off, Reason::TooManyIterations { count: 20_000_000 }, Argument::Host),
        ("false SCRAM", [asks_for_scram(), vec![Scram("r={nonce}x,s={salt},i=4096"), Read, Send(authentication(12, format!("v={}", STANDARD.encode([0; 32])).as_bytes()))]].concat(), Tls::Off, Reason::ServerNotAuthenticated, Argument::Host),
    ];
    for (name, script, tls, reason, argument) in cases {
        let fake = Fake::start(script).await;
        let refusal = refused(&target(fake.port, tls), LOGIN_TIMEOUT).await;
        assert_eq!((&refusal.reason, explain(&refusal).argument), (&reason, argument), "{name}");
        assert!(!explain(&refusal).causes.is_empty(), "{name}");
        // Text before TLS is not authenticated.
        let has_text = refusal.server_error.is_some() || explain(&refusal).sentence.contains("sorry");
        assert!(!(has_text && refusal.reason == Reason::TlsNotNegotiated), "{name}");
        assert!(!fake.heard(PASSWORD.as_bytes()), "{name}");
        assert_eq!(fake.connections(), 1, "{name}");
    }
}

#[tokio::test]
async fn sends_password_only_over_verified_channel() {
    let authority = Authority::new("Fake CA");
    let verified = Tls::Verified { ca: Some(Certificates::parse(authority.pem()).unwrap()) };
    let tunnel = |fake: &Fake| Some(Address { host: "127.0.0.1".to_owned(), port: fake.port });
    // MD5 of "tr0ub4dor&3clerk", then of that and "salt".
    let md5 = b"md5";
    for (request, secret, how) in [
        (authentication(3, b""), PASSWORD.as_bytes(), Insecure::ClearText),
        (authentication(5, b"salt"), &md5[..], Insecure::Md5),
    ] {
        let plain = [vec![Read, Send(request.clone())], lets_in()].concat();
        let encrypted = [vec![Read, send("S"), tls(&authority)], plain.clone()].concat();

        let fake = Fake::start(plain.clone()).await;
        let refusal = refused(&target(fake.port, Tls::Off), LOGIN_TIMEOUT).await;
        assert_eq!(refusal.reason, Reason::InsecureAuthentication { how, channel: Channel::Plain });
        assert_eq!((refusal.certainty(), explain(&refusal).argument), (Certainty::Unreachable, Argument::SslEnabled));
        assert!(explain(&refusal).sentence.contains("The password was not sent"));
        assert!(fake.heard(b"clerk") && !fake.heard(secret), "a name that leads to this machine is only a name");

        let fake = Fake::start(encrypted.clone()).await;
        let refusal = refused(&target(fake.port, Tls::Unverified), LOGIN_TIMEOUT).await;
        assert_eq!(refusal.reason, Reason::InsecureAuthentication { how, channel: Channel::Unverified });
        assert_eq!(explain(&refusal).argument, Argument::SslCertificate);
        assert!(fake.heard(b"clerk") && !fake.heard(secret));

        // The other side of the rule: there the same fake hears it.
        let fake = Fake::start(encrypted).await;
        assert!(
            login(&target(fake.port, verified.clone()), LOGIN_TIMEOUT).await.is_ok_and(|in_| in_.password_requested)
        );
        assert!(fake.heard(secret));
        let fake = Fake::start(plain).await;
        let target = Target { host: "db.test".to_owned(), address: tunnel(&fake), ..target(fake.port, Tls::Off) };
        assert!(login(&target, LOGIN_TIMEOUT).await.is_ok());
        assert!(fake.heard(secret));
    }
}

#[tokio::test]
async fn removes_password_and_escapes_from_server_text() {
    let echo = error(&format!("SFATAL|VFATAL|C28P01|Mwrong: {PASSWORD}\x1b[2J|D{PASSWORD}|H{PASSWORD}|"));
    let fake = Fake::start(vec![Read, Send(echo)]).await;
    let refusal = refused(&target(fake.port, Tls::Off), LOGIN_TIMEOUT).await;
    assert_eq!(refusal.reason, Reason::PasswordRefused);
    let text = everything(&refusal);
    assert!(text.contains("wrong: ********"), "{text}");
    assert!(!text.contains(PASSWORD) && !text.contains('\u{1b}'), "{text}");
}

/// The KMS accepts a certificate with a common name alone. webpki does not, so the connection is not safe for the password.
#[tokio::test]
async fn sends_no_password_where_only_openssl_accepts_certificate() {
    let authority = Authority::new("Fake CA");
    let leaf = authority.issue_to("localhost", &[], Validity::Now);
    let pinned = format!("{}{}", leaf.certificate_pem, authority.pem());
    for (given, request, is_safe) in [
        (authority.pem(), authentication(3, b""), false),
        (authority.pem(), authentication(5, b"salt"), false),
        (&pinned, authentication(3, b""), true),
    ] {
        let tls = tls_with_chain(leaf.clone(), &[]);
        let script = [vec![Read, send("S"), tls, Read, Send(request)], lets_in()].concat();
        let fake = Fake::start(script).await;
        let verified = Tls::Verified { ca: Some(Certificates::parse(given).unwrap()) };
        let result = login(&target(fake.port, verified), LOGIN_TIMEOUT).await;
        assert_eq!(fake.heard(PASSWORD.as_bytes()), is_safe);
        let channel = match result {
            Ok(_) => None,
            Err(Refusal { reason: Reason::InsecureAuthentication { channel, .. }, .. }) => Some(channel),
            Err(refusal) => panic!("{refusal:?}"),
        };
        assert_eq!(channel, (!is_safe).then_some(Channel::LenientlyVerified));
    }
}

/// The first address of a name drops every connection, as a firewall does; the second one responds.
#[tokio::test]
async fn silent_address_leaves_time_for_the_next() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(0).unwrap();
    let silent = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(connected) = tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(silent)).await {
        queue.push(connected.unwrap());
    }
    let fake = Fake::start(lets_in()).await;
    let answering = SocketAddr::from(([127, 0, 0, 1], fake.port));

    let target = target(fake.port, Tls::Off);
    let found = resolve(&target, Duration::from_secs(4)).await.unwrap();
    let accepted = found.only(vec![silent, silent, answering]).login().await.unwrap();
    assert_eq!(accepted.endpoint.address, Some(answering));
    let timed_out = (silent, "connection timed out".to_owned());
    assert_eq!(accepted.unreachable_addresses, [timed_out.clone(), timed_out]);

    let found = resolve(&target, SHORT).await.unwrap();
    let refusal = found.only(vec![silent, silent]).login().await.unwrap_err();
    assert_eq!(refusal.reason, Reason::TimedOut { stage: Stage::Tcp });
    assert_eq!(refusal.unreachable_addresses.len(), 2);
}

#[tokio::test]
async fn reports_unreachable_and_forbidden_addresses() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let target = target(unused, Tls::Unverified);

    let refusal = refused(&target, LOGIN_TIMEOUT).await;
    assert_eq!(refusal.reason, Reason::ConnectionRefused);
    assert_eq!(
        (refusal.certainty(), explain(&refusal).argument, refusal.stage),
        (Certainty::Unreachable, Argument::Port, Stage::Tcp)
    );
    assert!(everything(&refusal).contains(&format!("localhost:{unused}")));

    let refusal = refused(&Target { host: "no-such-host.invalid".to_owned(), ..target.clone() }, LOGIN_TIMEOUT).await;
    assert!(matches!(refusal.reason, Reason::DnsFailed { .. }), "{:?}", refusal.reason);
    assert_eq!(
        (refusal.certainty(), explain(&refusal).argument, refusal.stage),
        (Certainty::Unreachable, Argument::Host, Stage::Dns)
    );
    assert_eq!(refusal.endpoint.address, None);

    for host in ["", "a b", "postgres://db", "[::1]"] {
        let refusal = refused(&Target { host: host.to_owned(), ..target.clone() }, LOGIN_TIMEOUT).await;
        assert_eq!((refusal.stage, explain(&refusal).argument), (Stage::Dns, Argument::Host), "{host}");
    }

    for host in [
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "169.254.169.254",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
    ] {
        let direct = Target { host: host.to_owned(), ..target.clone() };
        let address = Some(Address { host: host.to_owned(), port: 1 });
        let tunnelled = Target { address, ..target.clone() };
        for (target, argument) in [(direct, Argument::Host), (tunnelled, Argument::Address)] {
            let refusal = refused(&target, LOGIN_TIMEOUT).await;
            assert!(matches!(refusal.reason, Reason::ForbiddenAddress { .. }), "{host}: {:?}", refusal.reason);
            assert_eq!((refusal.certainty(), explain(&refusal).argument), (Certainty::Conclusive, argument), "{host}");
        }
    }
}
