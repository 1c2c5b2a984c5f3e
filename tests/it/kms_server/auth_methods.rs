//! Machine identity auth methods of the local KMS: what it reads, trims and rejects.

use serde_json::{Value, json};

use super::client::Client;
use crate::support::kms::{Kms, Options};

const ROUTES: [&str; 6] = ["oidc-auth", "jwt-auth", "kubernetes-auth", "azure-auth", "gcp-auth", "aws-auth"];

fn path(route: &str) -> String {
    format!("/api/v1/auth/{route}/login")
}

#[test]
fn validates_bodies_of_each_auth_method() {
    let kms = Kms::start(Options { log_in: false, ..Options::default() });
    let client = Client::without_token(&kms);
    let id = kms.identity_id();
    for route in ROUTES {
        let reply = client.send("POST", &path(route), Some(&json!({})));
        let fields: Vec<_> = reply.body["message"].as_array().unwrap().iter().map(|issue| &issue["path"][0]).collect();
        let expected = if route == "aws-auth" {
            vec!["identityId", "iamRequestHeaders", "iamRequestBody"]
        } else {
            vec!["identityId", "jwt"]
        };
        assert_eq!(
            (reply.status, fields),
            (422, expected.iter().map(|name| json!(name)).collect::<Vec<Value>>().iter().collect())
        );

        // Such an auth method is not configured, or not for this identity.
        let proof = json!({"identityId": id, "jwt": "a", "iamRequestHeaders": "e30=", "iamRequestBody": "YQ=="});
        let reply = client.send("POST", &path(route), Some(&proof));
        assert_eq!((reply.status, &reply.body["error"]), (404, &json!("NotFound")), "{route}");
        let said = reply.body["message"].as_str().unwrap();
        assert!(said.contains(" auth method not found for identity, did you configure "), "{said}");
    }
    assert_eq!(client.send("POST", &path("ldap-auth"), Some(&json!({}))).status, 404);
}

#[test]
fn trims_tokens_where_the_real_server_does() {
    let kms = Kms::start(Options { log_in: false, ..Options::default() });
    let client = Client::without_token(&kms);
    let id = kms.identity_id();
    for (route, trims) in
        [("oidc-auth", true), ("jwt-auth", true), ("kubernetes-auth", true), ("azure-auth", false), ("gcp-auth", false)]
    {
        kms.trust_jwt(route, "a.b.c");
        let good = client.ok("POST", &path(route), Some(&json!({"identityId": id, "jwt": "a.b.c"})));
        assert_eq!(good["tokenType"], "Bearer");
        let padded = client.send("POST", &path(route), Some(&json!({"identityId": id, "jwt": " a.b.c\n"})));
        assert_eq!(padded.status == 200, trims, "{route}: {}", padded.text);
        let slug = json!({"identityId": id, "jwt": "a.b.c", "organizationSlug": "team"});
        let reply = client.send("POST", &path(route), Some(&slug));
        assert_eq!((reply.status, &reply.body["message"]), (404, &json!("Sub organization with name team not found")));
        let other = client.send("POST", &path(route), Some(&json!({"identityId": "other", "jwt": "a.b.c"})));
        assert_eq!(other.status, 404);
    }
}

#[test]
fn rejects_unsigned_aws_requests() {
    use base64::Engine as _;

    let kms = Kms::start(Options { log_in: false, ..Options::default() });
    kms.trust_aws_key("AKIDEXAMPLE", "secret");
    let client = Client::without_token(&kms);
    let encode = |text: &str| base64::prelude::BASE64_STANDARD.encode(text);
    let form = encode("Action=GetCallerIdentity&Version=2011-06-15");
    let credential = |region: &str| {
        json!({"Authorization": format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/{region}/sts/aws4_request, SignedHeaders=host, Signature=0"
        )})
    };
    for (headers, status, message) in [
        ("no JSON".to_owned(), 500, "Something went wrong"),
        (json!({}).to_string(), 400, "Invalid AWS region"),
        (credential("eu_west").to_string(), 400, "Invalid AWS region"),
        (credential("eu-west-1-and-very-long").to_string(), 400, "Invalid AWS region"),
        // AWS refuses it.
        (credential("eu-west-1").to_string(), 500, "Something went wrong"),
    ] {
        let body =
            json!({"identityId": kms.identity_id(), "iamRequestHeaders": encode(&headers), "iamRequestBody": form});
        let reply = client.send("POST", &path("aws-auth"), Some(&body));
        assert_eq!((reply.status, &reply.body["message"]), (status, &json!(message)), "{headers}");
    }
}
