//! The ways to log in, and the request that each of them makes. A further way is a row of [`AuthMethod::row`].

use std::fmt;

use serde_json::{Map, Value};

use super::credential_source::Proof;
use super::metadata_http::SourceState;
use super::source::SourceError;
use crate::kms::http::Request;
use crate::secret::Secret;

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// Client id and client secret of a machine identity.
    Universal,
    /// An access token that somebody else got.
    Token,
    /// A token of an OpenID Connect provider.
    Oidc,
    /// The token of a Kubernetes service account.
    Kubernetes,
    /// A signed request that tells who somebody is at AWS.
    AwsIam,
    /// A token whose signing key the service knows.
    Jwt,
    /// The token of an Azure managed identity.
    Azure,
    /// The identity token of a Google service account.
    Gcp,
}

/// What a method is called, and what it sends.
struct MethodRow {
    name: &'static str,
    /// Below `auth`; a ready token needs no request.
    route: Option<&'static str>,
    /// The field that says who logs in, and what a person calls that.
    who: (&'static str, &'static str),
    /// The field that proves it. AWS has fields of its own.
    proof: &'static str,
}

impl AuthMethod {
    /// All of them, in the order in which they are listed for people.
    pub const ALL: [Self; 8] =
        [Self::Universal, Self::Token, Self::Oidc, Self::Kubernetes, Self::AwsIam, Self::Jwt, Self::Azure, Self::Gcp];

    const fn row(self) -> MethodRow {
        const CLIENT: (&str, &str) = ("clientId", "client");
        const IDENTITY: (&str, &str) = ("identityId", "identity");
        const fn row(
            name: &'static str,
            route: Option<&'static str>,
            who: (&'static str, &'static str),
            proof: &'static str,
        ) -> MethodRow {
            MethodRow { name, route, who, proof }
        }
        match self {
            Self::Universal => row("universal", Some("universal-auth"), CLIENT, "clientSecret"),
            Self::Token => row("token", None, CLIENT, ""),
            Self::Oidc => row("oidc", Some("oidc-auth"), IDENTITY, "jwt"),
            Self::Kubernetes => row("kubernetes", Some("kubernetes-auth"), IDENTITY, "jwt"),
            Self::AwsIam => row("aws_iam", Some("aws-auth"), IDENTITY, ""),
            Self::Jwt => row("jwt", Some("jwt-auth"), IDENTITY, "jwt"),
            Self::Azure => row("azure", Some("azure-auth"), IDENTITY, "jwt"),
            Self::Gcp => row("gcp", Some("gcp-auth"), IDENTITY, "jwt"),
        }
    }

    /// The name, as the argument `auth_method` takes it.
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

impl fmt::Display for AuthMethod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Who logs in, and what proves it.
#[derive(Debug, Clone)]
pub struct AuthRequest {
    method: AuthMethod,
    who: Option<String>,
    proof: Proof,
}

impl AuthRequest {
    /// With client id and client secret of a machine identity.
    pub fn universal(client_id: impl Into<String>, client_secret: Secret) -> Self {
        Self { method: AuthMethod::Universal, who: Some(client_id.into()), proof: Proof::Given(client_secret) }
    }

    /// With an access token that somebody else got.
    pub fn token(token: Secret) -> Self {
        Self { method: AuthMethod::Token, who: None, proof: Proof::Given(token) }
    }

    /// As a machine identity that somebody else vouches for.
    pub fn identity(method: AuthMethod, identity_id: impl Into<String>, proof: Proof) -> Self {
        Self { method, who: Some(identity_id.into()), proof }
    }

    /// The way it is made.
    pub fn method(&self) -> AuthMethod {
        self.method
    }

    /// Who logs in: a client or an identity. Nobody knows whose a ready token is.
    pub fn who(&self) -> Option<&str> {
        self.who.as_deref()
    }

    /// What proves it.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// The access token, where it is ready.
    pub(super) fn ready_token(&self) -> Option<Secret> {
        match (&self.method.row().route, &self.proof) {
            (None, Proof::Given(token)) => Some(token.trimmed()),
            _ => None,
        }
    }

    /// What is known to be secret without logging in.
    pub(in crate::kms) fn secret(&self) -> Option<&Secret> {
        match &self.proof {
            Proof::Given(secret) => Some(secret),
            _ => None,
        }
    }

    /// The request that logs in. Gets its proof now: files and metadata servers give another one from time to time.
    pub(super) async fn request(
        &self,
        organization_slug: Option<&str>,
        state: &SourceState,
    ) -> Result<Request, SourceError> {
        let row = self.method.row();
        let evidence = self.proof.gather(self.who().unwrap_or_default(), row.proof, state).await?;
        state.answered();
        let text = |text: &str| Value::from(text);
        let mut body = Map::new();
        body.insert(row.who.0.to_owned(), text(self.who().unwrap_or_default()));
        body.extend(evidence.fields.iter().map(|(name, value)| ((*name).to_owned(), text(value.expose()))));
        if let Some(slug) = organization_slug {
            body.insert("organizationSlug".to_owned(), text(slug));
        }
        let request = Request::login(["auth", row.route.unwrap_or_default(), "login"]).json(&body);
        let fields = evidence.fields.iter().map(|(_, value)| value);
        Ok(fields.chain(&evidence.secrets).fold(request, |request, secret| request.with_secret(Some(secret))))
    }

    /// Who logs in how, for a message.
    pub(super) fn described(&self) -> String {
        let of = self.who().map(|who| format!(" of {} `{who}`", self.method.row().who.1));
        format!("`{}` login{}", self.method, of.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(login: &AuthRequest, slug: Option<&str>) -> String {
        login.request(slug, &SourceState::default()).await.unwrap().body_text().to_owned()
    }

    #[tokio::test]
    async fn a_login_sends_what_is_set() {
        let login = AuthRequest::universal("me", Secret::new("s\"s"));
        assert_eq!(sent(&login, None).await, r#"{"clientId":"me","clientSecret":"s\"s"}"#);
        let with_slug = r#"{"clientId":"me","clientSecret":"s\"s","organizationSlug":"team"}"#;
        assert_eq!(sent(&login, Some("team")).await, with_slug);
        assert!(!format!("{login:?}").contains("s\\\"s"));
        for method in [AuthMethod::Oidc, AuthMethod::Kubernetes, AuthMethod::Jwt, AuthMethod::Azure, AuthMethod::Gcp] {
            let login = AuthRequest::identity(method, "id", Proof::Given(Secret::new("a.b.c")));
            assert_eq!(sent(&login, None).await, r#"{"identityId":"id","jwt":"a.b.c"}"#, "{method}");
            assert!(login.ready_token().is_none());
        }
        assert_eq!(AuthRequest::token(Secret::new(" t ")).ready_token().unwrap().expose(), "t");
    }

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<_> = AuthMethod::ALL.iter().map(|method| method.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), AuthMethod::ALL.len());
    }
}
