use expect_test::expect;

use super::*;
use crate::provider::config::tests::{CLIENT, KMS_CLIENT, KMS_TOKEN, Pairs, block, resolve_object, text, with};
use crate::provider::config::{NoClient, ResolvedConfig};

/// The method with its credentials, or the error.
fn resolved(arguments: Pairs<'_>, variables: Pairs<'_>) -> String {
    match resolve_object(&block(arguments), variables) {
        Err(error) => error.iter().map(text).collect::<Vec<_>>().join("\n"),
        Ok(ResolvedConfig { client: Err(NoClient::NoCredentials), .. }) => "none".to_owned(),
        Ok(ResolvedConfig { client: Err(NoClient::Unknown(names)), .. }) => format!("unknown: {}", names.join(", ")),
        Ok(ResolvedConfig { client: Ok(settings), .. }) => {
            let login = settings.auth;
            match (login.method(), login.principal(), login.source()) {
                (AuthMethod::Universal, Some(id), CredentialSource::Given(secret)) => {
                    format!("{id} with {}", secret.expose())
                }
                (AuthMethod::Token, None, CredentialSource::Given(token)) => token.expose().to_owned(),
                (method, Some(id), CredentialSource::Given(jwt)) => format!("{method}: {id} with {}", jwt.expose()),
                (method, id, source) => format!("{method}: {} with {source:?}", id.unwrap_or_default()),
            }
        }
    }
}

#[test]
fn selects_universal_auth_or_token() {
    let token = ("token", "s3cr3t-token");
    let half: Pairs<'_> = &[("client_id", "me")];
    let infisical: Pairs<'_> = &[
        ("INFISICAL_UNIVERSAL_AUTH_CLIENT_ID", "me-infisical"),
        ("INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET", "s3cr3t-infisical"),
    ];
    let both = [CLIENT, &[token]].concat();
    let kms_both = [KMS_CLIENT, &[KMS_TOKEN]].concat();
    for (arguments, variables, expected) in [
        (&[][..], &[][..], "none"),
        (CLIENT, &[], "me with s3cr3t-1"),
        (&[token], &[], "s3cr3t-token"),
        (&[], KMS_CLIENT, "me-kms with s3cr3t-kms"),
        (&[], infisical, "me-infisical with s3cr3t-infisical"),
        (&[], &[KMS_CLIENT, infisical].concat(), "me-kms with s3cr3t-kms"),
        (&[], &[("INFISICAL_TOKEN", "s3cr3t-2")], "s3cr3t-2"),
        // One input from the block and one from the environment.
        (half, KMS_CLIENT, "me with s3cr3t-kms"),
        // A method in the block takes precedence over all methods of the environment.
        (CLIENT, &[KMS_TOKEN], "me with s3cr3t-1"),
        (&[token], KMS_CLIENT, "s3cr3t-token"),
        (CLIENT, &[KMS_TOKEN, ("KMS_AUTH_METHOD", "token")], "me with s3cr3t-1"),
        (&[token], &with(KMS_CLIENT, ("KMS_AUTH_METHOD", "universal")), "s3cr3t-token"),
        // A selected method.
        (&with(&both, ("auth_method", "token")), &[], "s3cr3t-token"),
        (&with(&both, ("auth_method", " Universal ")), &[], "me with s3cr3t-1"),
        (&both, &[("KMS_AUTH_METHOD", "TOKEN")], "s3cr3t-token"),
        (&[], &with(&kms_both, ("KMS_AUTH_METHOD", "UNIVERSAL")), "me-kms with s3cr3t-kms"),
        (&[("auth_method", "token")], &with(&kms_both, ("KMS_AUTH_METHOD", "universal")), "s3cr3t-token-kms"),
        (&[("auth_method", "")], &[KMS_TOKEN], "s3cr3t-token-kms"),
        // An empty value counts as not set.
        (&[("token", " ")], KMS_CLIENT, "me-kms with s3cr3t-kms"),
        (CLIENT, &[("KMS_TOKEN", "")], "me with s3cr3t-1"),
    ] {
        assert_eq!(resolved(arguments, variables), expected, "{arguments:?} {variables:?}");
    }
}

fn all(pairs: &[&[(&'static str, &'static str)]]) -> Vec<(&'static str, &'static str)> {
    pairs.concat()
}

#[test]
fn selects_credentials_of_machine_identities() {
    const ID: (&str, &str) = ("identity_id", "id");
    const KMS_ID: (&str, &str) = ("KMS_MACHINE_IDENTITY_ID", "id-kms");
    let method = |name| ("auth_method", name);
    let (jwt, kms_jwt) = (("jwt", "s3cr3t-jwt"), ("KMS_AUTH_JWT", "s3cr3t-auth"));
    let named = [("KMS_OIDC_AUTH_TOKEN_NAME", "CI_TOKEN"), ("CI_TOKEN", " s3cr3t-ci ")];
    let service_account = ("KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN", "s3cr3t-sa");
    let path = ("KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH", "/sa");
    let github =
        [("ACTIONS_ID_TOKEN_REQUEST_URL", "https://ci.test/?a"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cr3t-gh")];
    let usual = r#"kubernetes: id with File("/var/run/secrets/kubernetes.io/serviceaccount/token")"#;
    for (arguments, variables, expected) in [
        (all(&[&[ID, method("oidc"), jwt]]), all(&[]), "oidc: id with s3cr3t-jwt"),
        (all(&[&[ID, method("OIDC-Auth"), jwt]]), all(&[&[kms_jwt]]), "oidc: id with s3cr3t-jwt"),
        (all(&[&[ID, method("oidc")]]), all(&[&[kms_jwt]]), "oidc: id with s3cr3t-auth"),
        (all(&[&[ID, method("oidc")]]), all(&[&[("KMS_JWT", "s3cr3t-2")]]), "oidc: id with s3cr3t-2"),
        (all(&[&[ID, method("oidc")]]), all(&[&[("INFISICAL_AUTH_JWT", "s3cr3t-3")]]), "oidc: id with s3cr3t-3"),
        (all(&[&[ID, method("oidc")]]), all(&[&[kms_jwt], &named]), "oidc: id with s3cr3t-ci"),
        (all(&[&[ID, method("oidc"), ("jwt_file", "/t")]]), all(&[&named]), r#"oidc: id with File("/t")"#),
        (
            all(&[&[ID, method("oidc")]]),
            all(&[&github]),
            r#"oidc: id with GitHubActions { url: "https://ci.test/?a", token: Secret }"#,
        ),
        (all(&[&[ID, method("jwt"), ("jwt_file", "/t")]]), all(&[]), r#"jwt: id with File("/t")"#),
        (all(&[&[ID, method("jwt")]]), all(&[&[kms_jwt], &named]), "jwt: id with s3cr3t-auth"),
        // Kubernetes puts a token into each pod.
        (all(&[&[ID, method("kubernetes")]]), all(&[]), usual),
        (all(&[&[ID, method("kubernetes")]]), all(&[&[path]]), r#"kubernetes: id with File("/sa")"#),
        (
            all(&[&[ID, method("kubernetes")]]),
            all(&[&[path, kms_jwt, service_account]]),
            "kubernetes: id with s3cr3t-sa",
        ),
        (all(&[&[ID, method("kubernetes"), jwt]]), all(&[&[path, service_account]]), "kubernetes: id with s3cr3t-jwt"),
        // Identity sources of the machine.
        (all(&[&[ID, method("azure")]]), all(&[]), r#"azure: id with Azure { address: "http://169.254.169.254" }"#),
        (
            all(&[&[ID, method("azure")]]),
            all(&[&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://nmi")]]),
            r#"azure: id with Azure { address: "http://nmi" }"#,
        ),
        (all(&[&[ID, method("azure"), jwt]]), all(&[]), "azure: id with s3cr3t-jwt"),
        (all(&[&[ID, method("gcp")]]), all(&[]), r#"gcp: id with Google { host: "metadata.google.internal" }"#),
        (
            all(&[&[ID, method("gcp-id-token")]]),
            all(&[&[("GCE_METADATA_HOST", "m:1")]]),
            r#"gcp: id with Google { host: "m:1" }"#,
        ),
        (
            all(&[&[ID, method("AWS_IAM")]]),
            all(&[&[("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", "s3cr3t")]]),
            r#"aws_iam: id with Aws({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"})"#,
        ),
        // Names from the environment, and halves from both.
        (all(&[]), all(&[&[KMS_ID, kms_jwt, ("KMS_AUTH_METHOD", "oidc-auth")]]), "oidc: id-kms with s3cr3t-auth"),
        (all(&[&[ID]]), all(&[&[kms_jwt, ("INFISICAL_AUTH_METHOD", "jwt")]]), "jwt: id with s3cr3t-auth"),
        (
            all(&[&[jwt]]),
            all(&[&[KMS_ID, ("KMS_AUTH_METHOD", "aws_iam")], &[]]),
            "jwt: The environment variable `KMS_AUTH_METHOD` selects the method `aws_iam`",
        ),
        // Only one is possible.
        (all(&[]), all(&[&[KMS_ID], &named]), "oidc: id-kms with s3cr3t-ci"),
        (all(&[&[ID]]), all(&[&named]), "oidc: id with s3cr3t-ci"),
        (all(&[&[ID]]), all(&[&[path]]), r#"kubernetes: id with File("/sa")"#),
        (all(&[&[ID]]), all(&[&[path, KMS_TOKEN]]), r#"kubernetes: id with File("/sa")"#),
        (all(&[CLIENT]), all(&[&[KMS_ID, kms_jwt]]), "me with s3cr3t-1"),
    ] {
        let found = resolved(&arguments, &variables).replace("Conflicting authentication methods: ", "");
        assert!(found.starts_with(expected), "{arguments:?} {variables:?}\nexpected {expected}\n   found {found}");
    }
}

#[test]
fn reports_ambiguous_and_incomplete_methods() {
    let named = ("KMS_OIDC_AUTH_TOKEN_NAME", "CI_TOKEN");
    let found: String = [
        // Several are possible.
        (&[("identity_id", "id")][..], &[][..]),
        (&[], &[("KMS_MACHINE_IDENTITY_ID", "id"), ("INFISICAL_AUTH_JWT", "s3cr3t")]),
        (&[("jwt", "s3cr3t")], &[("KMS_MACHINE_IDENTITY_ID", "id")]),
        // Two at once.
        (&[("identity_id", "id"), ("client_id", "me"), ("jwt", "s3cr3t")], &[]),
        (&[], &[("KMS_MACHINE_IDENTITY_ID", "id"), ("INFISICAL_TOKEN", "s3cr3t"), ("KMS_JWT", "s3cr3t")]),
        (&[("identity_id", "id")], &[("KMS_AUTH_METHOD", "universal")]),
        (&[], &[named, ("KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH", "/t")]),
        // Half of one.
        (&[("auth_method", "oidc")], &[("KMS_TOKEN", "s3cr3t")]),
        (&[("auth_method", "oidc"), ("identity_id", "id")], &[]),
        (&[("auth_method", "jwt"), ("jwt", "s3cr3t")], &[]),
        (&[("auth_method", "aws_iam")], &[]),
        (&[("auth_method", "universal"), ("identity_id", "id")], &[]),
        (&[("identity_id", "id")], &[named]),
        (&[("identity_id", "id")], &[("KMS_OIDC_AUTH_TOKEN_NAME", "ey.s3cr3t.x")]),
        // Wrong.
        (&[("auth_method", "ldap")], &[]),
        (&[("auth_method", "oidc"), ("identity_id", "id"), ("jwt", "s3cr3t"), ("jwt_file", "/t")], &[]),
    ]
    .into_iter()
    .map(|(arguments, variables)| {
        let names = |pairs: Pairs<'_>| pairs.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
        let found = resolved(arguments, variables);
        format!("[{}] [{}]\n{found}\n\n", names(arguments), names(variables))
    })
    .collect();
    expect![[r#"
        [identity_id] []
        auth_method: Ambiguous authentication method: Several authentication methods use the credentials that are set.
        Set: `identity_id`
        Methods: `oidc`, `kubernetes`, `aws_iam`, `jwt`, `azure` or `gcp`

        Select one with the argument `auth_method` or the environment variable `KMS_AUTH_METHOD`.

        [] [KMS_MACHINE_IDENTITY_ID INFISICAL_AUTH_JWT]
        auth_method: Ambiguous authentication method: Several authentication methods use the credentials that are set.
        Set: `KMS_MACHINE_IDENTITY_ID`, `INFISICAL_AUTH_JWT`
        Methods: `oidc`, `kubernetes`, `jwt`, `azure` or `gcp`

        Select one with the argument `auth_method` or the environment variable `KMS_AUTH_METHOD`.

        [jwt] [KMS_MACHINE_IDENTITY_ID]
        auth_method: Ambiguous authentication method: Several authentication methods use the credentials that are set.
        Set: `jwt`, `KMS_MACHINE_IDENTITY_ID`
        Methods: `oidc`, `kubernetes`, `jwt`, `azure` or `gcp`

        Select one with the argument `auth_method` or the environment variable `KMS_AUTH_METHOD`.

        [identity_id client_id jwt] []
        auth_method: Conflicting authentication methods: The provider block configures more than one authentication method:
          - `universal`: `client_id`
          - `oidc`, `kubernetes`, `jwt`, `azure` or `gcp`: `identity_id`, `jwt`

        Remove the arguments of all but one, or select a method with the argument `auth_method` or the environment variable `KMS_AUTH_METHOD`.

        [] [KMS_MACHINE_IDENTITY_ID INFISICAL_TOKEN KMS_JWT]
        -: Conflicting authentication methods: The environment configures more than one authentication method:
          - `token`: `INFISICAL_TOKEN`
          - `oidc`, `kubernetes`, `jwt`, `azure` or `gcp`: `KMS_MACHINE_IDENTITY_ID`, `KMS_JWT`

        Remove the variables of all but one, or select a method with the argument `auth_method` or the environment variable `KMS_AUTH_METHOD`.

        [identity_id] [KMS_AUTH_METHOD]
        identity_id: Conflicting authentication methods: The environment variable `KMS_AUTH_METHOD` selects the method `universal`, which does not use the argument `identity_id`.

        Remove one of them, or select the method with the argument `auth_method`.

        [] [KMS_OIDC_AUTH_TOKEN_NAME KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH]
        -: Conflicting authentication methods: The environment configures more than one authentication method:
          - `oidc`: `KMS_OIDC_AUTH_TOKEN_NAME`
          - `kubernetes`: `KMS_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH`

        Remove the variables of all but one, or select a method with the argument `auth_method` or the environment variable `KMS_AUTH_METHOD`.

        [auth_method] [KMS_TOKEN]
        identity_id: Incomplete KMS credentials: `oidc`: The authentication method `oidc` lacks credentials.
        Method selected by: `auth_method`
        Set: none
        Missing:
          - `identity_id`, or one of the environment variables `KMS_MACHINE_IDENTITY_ID`, `INFISICAL_MACHINE_IDENTITY_ID`
          - `jwt` or `jwt_file`, or one of the environment variables `KMS_OIDC_AUTH_TOKEN_NAME`, `INFISICAL_OIDC_AUTH_TOKEN_NAME`, `INFISICAL_OIDC_AUTH_TOKEN_KEY_NAME`, `KMS_AUTH_JWT`, `KMS_JWT`, `INFISICAL_AUTH_JWT`, `INFISICAL_JWT`

        A GitHub Actions job needs no token: grant the job the permission `id-token: write`.

        [auth_method identity_id] []
        jwt: Incomplete KMS credentials: `oidc`: The authentication method `oidc` lacks credentials.
        Method selected by: `auth_method`
        Set: `identity_id`
        Missing:
          - `jwt` or `jwt_file`, or one of the environment variables `KMS_OIDC_AUTH_TOKEN_NAME`, `INFISICAL_OIDC_AUTH_TOKEN_NAME`, `INFISICAL_OIDC_AUTH_TOKEN_KEY_NAME`, `KMS_AUTH_JWT`, `KMS_JWT`, `INFISICAL_AUTH_JWT`, `INFISICAL_JWT`

        A GitHub Actions job needs no token: grant the job the permission `id-token: write`.

        [auth_method jwt] []
        identity_id: Incomplete KMS credentials: `jwt`: The authentication method `jwt` lacks credentials.
        Method selected by: `auth_method`
        Set: `jwt`
        Missing:
          - `identity_id`, or one of the environment variables `KMS_MACHINE_IDENTITY_ID`, `INFISICAL_MACHINE_IDENTITY_ID`

        [auth_method] []
        identity_id: Incomplete KMS credentials: `aws_iam`: The authentication method `aws_iam` lacks credentials.
        Method selected by: `auth_method`
        Set: none
        Missing:
          - `identity_id`, or one of the environment variables `KMS_MACHINE_IDENTITY_ID`, `INFISICAL_MACHINE_IDENTITY_ID`

        [auth_method identity_id] []
        client_id: Incomplete KMS credentials: `universal`: The authentication method `universal` lacks credentials.
        Method selected by: `auth_method`
        Set: none
        Missing:
          - `client_id`, or one of the environment variables `KMS_UNIVERSAL_AUTH_CLIENT_ID`, `INFISICAL_UNIVERSAL_AUTH_CLIENT_ID`
          - `client_secret`, or one of the environment variables `KMS_UNIVERSAL_AUTH_CLIENT_SECRET`, `INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET`

        [identity_id] [KMS_OIDC_AUTH_TOKEN_NAME]
        -: Incomplete KMS credentials: `oidc`: The authentication method `oidc` lacks credentials.
        Method selected by: `KMS_OIDC_AUTH_TOKEN_NAME`
        Set: `identity_id`, `KMS_OIDC_AUTH_TOKEN_NAME`
        Missing:
          - the environment variable `CI_TOKEN`, which `KMS_OIDC_AUTH_TOKEN_NAME` names

        [identity_id] [KMS_OIDC_AUTH_TOKEN_NAME]
        -: Incomplete KMS credentials: `oidc`: The authentication method `oidc` lacks credentials.
        Method selected by: `KMS_OIDC_AUTH_TOKEN_NAME`
        Set: `identity_id`, `KMS_OIDC_AUTH_TOKEN_NAME`
        Missing:
          - the token: `KMS_OIDC_AUTH_TOKEN_NAME` must hold the name of an environment variable that is set

        [auth_method] []
        auth_method: Unknown authentication method: `auth_method`: The provider does not support the method in the argument `auth_method`.
        Valid values: `universal`, `token`, `oidc`, `kubernetes`, `aws_iam`, `jwt`, `azure`, `gcp`

        [auth_method identity_id jwt jwt_file] []
        jwt_file: Conflicting arguments: `jwt` and `jwt_file`: `jwt` and `jwt_file` are mutually exclusive. Remove one of them.

    "#]].assert_eq(&found);
}

#[test]
fn rejects_two_methods_and_incomplete_methods() {
    let two_in_block = [CLIENT, &[("token", "s3cr3t-token")]].concat();
    let two_in_environment = [KMS_CLIENT, &[KMS_TOKEN]].concat();
    for (arguments, variables, place, names) in [
        (&two_in_block[..], &[][..], "auth_method", &["The provider block configures", "`client_id`", "`token`"][..]),
        (
            &[],
            &two_in_environment,
            "-",
            &["The environment configures", "`KMS_UNIVERSAL_AUTH_CLIENT_ID`", "`KMS_TOKEN`", "`KMS_AUTH_METHOD`"],
        ),
        (
            &CLIENT[..1],
            &[KMS_TOKEN],
            "client_secret",
            &["selected by: `client_id`", "  - `client_secret`, or", "`KMS_UNIVERSAL_AUTH_CLIENT_SECRET`"],
        ),
        (
            &CLIENT[1..],
            &[],
            "client_id",
            &["selected by: `client_secret`", "  - `client_id`, or", "`INFISICAL_UNIVERSAL_AUTH_CLIENT_ID`"],
        ),
        (
            &[],
            &KMS_CLIENT[1..],
            "client_id",
            &["selected by: `KMS_UNIVERSAL_AUTH_CLIENT_SECRET`", "  - `client_id`, or"],
        ),
        (
            &[("auth_method", "token")],
            KMS_CLIENT,
            "token",
            &["selected by: `auth_method`", "  - `token`, or", "`KMS_TOKEN`, `INFISICAL_TOKEN`"],
        ),
        (&[], &[("KMS_AUTH_METHOD", "universal")], "client_id", &["selected by: `KMS_AUTH_METHOD`"]),
    ] {
        let found = resolved(arguments, variables);
        assert!(found.starts_with(&format!("{place}: ")), "{found}");
        for name in names {
            assert!(found.contains(name), "`{name}` is missing: {found}");
        }
    }
}
