//! The authentication methods, and the request that each of them makes. A further method is a row of [`AuthMethod::row`].

use std::collections::BTreeMap;
use std::fmt;

use super::credential_source::{AuthFields, CredentialSource};
use super::metadata_http::SourceState;
use super::source::SourceError;
use crate::kms::http::Request;
use crate::secret::Secret;

/// An authentication method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// Client id and client secret of a machine identity.
    Universal,
    /// An access token that is given ready.
    Token,
    /// A token of an OpenID Connect provider.
    Oidc,
    /// The token of a Kubernetes service account.
    Kubernetes,
    /// A signed `GetCallerIdentity` request to AWS.
    AwsIam,
    /// A token whose signing key is configured in the service.
    Jwt,
    /// The token of an Azure managed identity.
    Azure,
    /// The identity token of a Google service account.
    Gcp,
}

/// The name of a method, and what it sends.
struct MethodRow {
    name: &'static str,
    /// Below `auth`; a ready token needs no request.
    route: Option<&'static str>,
    /// The field with the id of the principal, and the word for that principal in messages.
    principal: (&'static str, &'static str),
    /// The field with the credential. AWS has fields of its own.
    credential: &'static str,
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
            principal: (&'static str, &'static str),
            credential: &'static str,
        ) -> MethodRow {
            MethodRow { name, route, principal, credential }
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

    /// Returns the name, as the argument `auth_method` takes it.
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

impl fmt::Display for AuthMethod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A principal of the KMS and the source of its credentials.
#[derive(Debug, Clone)]
pub struct AuthRequest {
    method: AuthMethod,
    principal: Option<String>,
    source: CredentialSource,
}

impl AuthRequest {
    /// Client id and client secret of a machine identity.
    pub fn universal(client_id: impl Into<String>, client_secret: Secret) -> Self {
        let source = CredentialSource::Given(client_secret);
        Self { method: AuthMethod::Universal, principal: Some(client_id.into()), source }
    }

    /// A ready access token.
    pub fn token(token: Secret) -> Self {
        Self { method: AuthMethod::Token, principal: None, source: CredentialSource::Given(token) }
    }

    /// A machine identity with the credentials of a third party.
    pub fn identity(method: AuthMethod, identity_id: impl Into<String>, source: CredentialSource) -> Self {
        Self { method, principal: Some(identity_id.into()), source }
    }

    /// Returns the method.
    pub fn method(&self) -> AuthMethod {
        self.method
    }

    /// Returns the id of the client or the identity. A ready token shows none.
    pub fn principal(&self) -> Option<&str> {
        self.principal.as_deref()
    }

    /// Returns the source of the credentials.
    pub fn source(&self) -> &CredentialSource {
        &self.source
    }

    /// Returns the access token, where it is given ready.
    pub(super) fn ready_token(&self) -> Option<Secret> {
        match (&self.method.row().route, &self.source) {
            (None, CredentialSource::Given(token)) => Some(token.trimmed()),
            _ => None,
        }
    }

    /// Returns the secret that is known before the first authentication.
    pub(in crate::kms) fn secret(&self) -> Option<&Secret> {
        match &self.source {
            CredentialSource::Given(secret) => Some(secret),
            _ => None,
        }
    }

    /// Returns the request that authenticates. Resolves the credentials now: files and metadata servers change them from
    /// time to time.
    pub(super) async fn request(
        &self,
        organization_slug: Option<&str>,
        state: &SourceState,
    ) -> Result<Request, SourceError> {
        let row = self.method.row();
        let principal = self.principal().unwrap_or_default();
        let AuthFields { fields, secrets } = self.source.resolve(principal, row.credential, state).await?;
        state.note_response();
        let mut body = BTreeMap::from([(row.principal.0, principal)]);
        body.extend(fields.iter().map(|(name, value)| (*name, value.expose())));
        body.extend(organization_slug.map(|slug| ("organizationSlug", slug)));
        let request = Request::auth(["auth", row.route.unwrap_or_default(), "login"]).json(&body);
        let all = fields.iter().map(|(_, value)| value).chain(&secrets);
        Ok(all.fold(request, |request, secret| request.with_secret(Some(secret))))
    }

    /// Returns method and principal, for a message.
    pub(super) fn described(&self) -> String {
        let of = self.principal().map(|id| format!(" of {} `{id}`", self.method.row().principal.1));
        format!("`{}` authentication{}", self.method, of.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(auth: &AuthRequest, slug: Option<&str>) -> String {
        auth.request(slug, &SourceState::default()).await.unwrap().body_text().to_owned()
    }

    #[tokio::test]
    async fn sends_the_fields_that_are_set() {
        let auth = AuthRequest::universal("me", Secret::new("s\"s"));
        assert_eq!(sent(&auth, None).await, r#"{"clientId":"me","clientSecret":"s\"s"}"#);
        let with_slug = r#"{"clientId":"me","clientSecret":"s\"s","organizationSlug":"team"}"#;
        assert_eq!(sent(&auth, Some("team")).await, with_slug);
        assert!(!format!("{auth:?}").contains("s\\\"s"));
        for method in [AuthMethod::Oidc, AuthMethod::Kubernetes, AuthMethod::Jwt, AuthMethod::Azure, AuthMethod::Gcp] {
            let auth = AuthRequest::identity(method, "id", CredentialSource::Given(Secret::new("a.b.c")));
            assert_eq!(sent(&auth, None).await, r#"{"identityId":"id","jwt":"a.b.c"}"#, "{method}");
            assert!(auth.ready_token().is_none());
        }
        assert_eq!(AuthRequest::token(Secret::new(" t ")).ready_token().unwrap().expose(), "t");
    }

    #[test]
    fn has_one_name_per_method() {
        let mut names: Vec<_> = AuthMethod::ALL.iter().map(|method| method.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), AuthMethod::ALL.len());
    }
}
