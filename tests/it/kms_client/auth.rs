//! When the client authenticates, and when it never does again.

use futures_util::future::join_all;
use terraform_provider_kms::kms::{AuthMethod, AuthRequest, ErrorKind};

use super::{
    CLIENT_SECRET, ID, TOKEN, client, is_login, logged_in, one, own,
    server::{Act, Server, json},
    token, universal,
};

#[tokio::test]
async fn twenty_calls_share_one_authentication() {
    let server = Server::start(|request, _| if is_login(request) { logged_in("3600") } else { one() }).await;
    let client = client(&server, universal());
    assert_eq!(server.requests().len(), 0, "making a client makes no call");

    for result in join_all((0..20).map(|_| client.read(ID))).await {
        assert_eq!(result.unwrap().unwrap().id, ID);
    }
    let requests = server.requests();
    assert_eq!(requests.iter().filter(|request| is_login(request)).count(), 1);
    assert_eq!(requests.len(), 21);
    let login = requests.iter().find(|request| is_login(request)).unwrap();
    assert!(login.ends_with(r#"{"clientId":"the-client-id","clientSecret":"the-client-secret"}"#), "{login}");
    assert!(!login.contains("authorization:"));
    assert!(
        requests
            .iter()
            .all(|request| is_login(request) || request.contains("authorization: Bearer the-access-token\r\n"))
    );
}

#[tokio::test]
async fn never_repeats_rejected_authentication() {
    for (status, name, message) in [
        (401, "UnauthorizedError", "Invalid credentials the-client-secret"),
        (401, "UnauthorizedError", "This identity auth method is temporarily locked, please try again later"),
        (403, "ForbiddenError", "You are not allowed to access this resource from the current IP address"),
        (404, "NotFound", "Sub organization with name x not found"),
    ] {
        let server = Server::start(move |_, _| own(status, name, message)).await;
        let client = client(&server, universal());
        let mut results = join_all((0..20).map(|_| client.read(ID))).await;
        results.push(client.read(ID).await);
        for result in results {
            let error = result.unwrap_err();
            let ErrorKind::AuthRefused { auth, .. } = &error.kind else { panic!("{error:?}") };
            assert_eq!((auth.method, error.reply.as_ref().unwrap().status), (AuthMethod::Universal, status));
            assert!(error.to_string().contains("`universal` authentication of client `the-client-id`"), "{error}");
            assert!(!error.to_string().contains(CLIENT_SECRET), "{error}");
        }
        assert_eq!(server.requests().len(), 1, "{message}");
    }
}

#[tokio::test]
async fn waiters_share_failed_authentication_and_later_calls_retry() {
    let server = Server::start(|request, count| match count {
        0 => own(500, "InternalServerError", "Something went wrong"),
        _ if is_login(request) => logged_in("3600"),
        _ => one(),
    })
    .await;
    let client = client(&server, universal());
    for result in join_all((0..20).map(|_| client.read(ID))).await {
        assert!(matches!(result.unwrap_err().cause().kind, ErrorKind::Unavailable));
    }
    assert_eq!(server.requests().len(), 1);
    assert!(client.read(ID).await.unwrap().is_some());
}

#[tokio::test]
async fn renews_token_before_it_expires() {
    for (expires_in, logins) in [("0", 1), ("3600", 1), ("1e300", 1), ("null", 1), ("1e-9", 3)] {
        let server =
            Server::start(move |request, _| if is_login(request) { logged_in(expires_in) } else { one() }).await;
        let client = client(&server, universal());
        for _ in 0..3 {
            client.read(ID).await.unwrap();
        }
        let count = server.requests().iter().filter(|request| is_login(request)).count();
        assert_eq!(count, logins, "{expires_in}");
    }
}

#[tokio::test]
async fn replaces_rejected_token_once() {
    // (authentication, responses to the reads in their order, then success; requests in all; how it ends)
    type Answers = Vec<fn() -> Act>;
    let table: Vec<(AuthRequest, Answers, usize, &str)> = vec![
        (universal(), vec![|| own(403, "TokenError", "x")], 4, "ok"),
        (universal(), vec![|| own(401, "UnauthorizedError", "x")], 4, "ok"),
        (universal(), vec![|| own(403, "TokenError", "x"), || own(401, "UnauthorizedError", "x")], 4, "AuthRefused"),
        (universal(), vec![|| own(403, "PermissionDenied", "x")], 2, "Denied"),
        (token(), vec![|| own(403, "TokenError", "x")], 1, "AuthRefused"),
        (token(), vec![|| own(401, "UnauthorizedError", "x")], 1, "AuthRefused"),
        (token(), vec![|| own(403, "PermissionDenied", "x")], 1, "Denied"),
    ];
    for (login, answers, expected, end) in table {
        let method = login.method();
        let mut reads = answers.clone().into_iter();
        let server = Server::start(move |request, _| match is_login(request) {
            true => logged_in("3600"),
            false => reads.next().map_or_else(one, |answer| answer()),
        })
        .await;
        let result = client(&server, login).read(ID).await;
        let ended = match &result {
            Ok(_) => "ok".to_owned(),
            Err(error) => format!("{:?}", error.kind).split(' ').next().unwrap().to_owned(),
        };
        assert_eq!((ended.as_str(), server.requests().len()), (end, expected), "{method} {}", answers.len());
    }
}

#[tokio::test]
async fn does_not_resend_rejected_access_token() {
    let server = Server::start(|_, _| own(401, "UnauthorizedError", "No identity access token found")).await;
    let client = client(&server, token());
    for _ in 0..3 {
        let error = client.read(ID).await.unwrap_err();
        assert!(
            matches!(&error.kind, ErrorKind::AuthRefused { auth, .. } if auth.method == AuthMethod::Token),
            "{error:?}"
        );
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn twenty_calls_replace_an_expired_token_once() {
    let mut tokens = 0;
    let server = Server::start(move |request, _| {
        if is_login(request) {
            tokens += 1;
            return json(200, &format!(r#"{{"accessToken":"t{tokens}","expiresIn":0}}"#));
        }
        if request.contains("authorization: Bearer t1\r\n") { own(403, "TokenError", "jwt expired") } else { one() }
    })
    .await;
    let client = client(&server, universal());
    for result in join_all((0..20).map(|_| client.read(ID))).await {
        assert!(result.unwrap().is_some());
    }
    assert_eq!(server.requests().iter().filter(|request| is_login(request)).count(), 2);
}

#[tokio::test]
async fn waiter_takes_over_cancelled_authentication() {
    let server = Server::start(|request, count| match count {
        0 => Act::Hang,
        _ if is_login(request) => logged_in("3600"),
        _ => one(),
    })
    .await;
    let client = client(&server, universal());
    {
        let call = client.read(ID);
        tokio::select! {
            _ = call => panic!("the login hangs"),
            () = server.saw(1) => {}
        }
    }
    assert!(client.read(ID).await.unwrap().is_some());
}

#[tokio::test]
async fn does_not_quote_token_of_unreadable_response() {
    for body in [
        format!(r#"{{"accessToken":"{TOKEN}","expiresIn":"soon"}}"#),
        format!(r#"{{"accessToken":["{TOKEN}"]}}"#),
        format!(r#""{TOKEN}""#),
        format!(r#"{{"token":"{TOKEN}"}}"#),
    ] {
        let server = Server::start(move |_, _| json(200, &body)).await;
        let error = client(&server, universal()).read(ID).await.unwrap_err();
        assert!(matches!(&error.cause().kind, ErrorKind::Unexpected(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(TOKEN), "{error}");
    }
}
