//! Sign-in at an OpenID provider: authorization code (OpenID Connect Core section 3.1) with PKCE (RFC 7636). State,
//! nonce and verifier are bound to the browser that began, by a signed cookie, and count once.
//!
//! Protocol and checks are the `openidconnect` crate's; here is which requests are made, and what an answer is worth.

mod http;

use std::time::Duration;

use ::http::{HeaderValue, Request, Response, StatusCode, header::SET_COOKIE};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, StandardErrorResponse,
    StandardTokenResponse, TokenResponse as _,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim,
        CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
        CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tracing::{error, warn};

use self::http::Fetch;
use super::{Console, SIGN_IN, Visit, actions, endpoints::OIDC_CALLBACK, form, pages, redirect, too_many};
use crate::{
    clock::{self, Instant},
    config::model::{Oidc, Role},
    error::BoxError,
    rules::{
        access::Way,
        session::flow::{self, FLOW_TTL_SECONDS, Flow},
    },
    service::BoxFuture,
};

/// What a provider says of itself, its keys included, is asked again after so long.
const FRESH: Duration = Duration::from_secs(15 * 60);
/// And not before, even where an answer fits none of its keys: they may have just changed.
const FRESH_MIN: Duration = Duration::from_secs(10);
/// The longest answer of a person's browser that is looked at.
const CODE_BYTES_MAX: usize = 4096;

/// How a provider may sign: no shared secrets, and never not at all.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Claims beside the standard ones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Extra {
    #[serde(flatten)]
    claims: Claims,
}

type Claims = serde_json::Map<String, serde_json::Value>;

impl AdditionalClaims for Extra {}

type Answer = StandardTokenResponse<
    IdTokenFields<
        Extra,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

type Relying = Client<
    Extra,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Answer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A provider, and what it said of itself lately.
#[derive(Debug)]
pub(super) struct Provider {
    settings: Oidc,
    fetch: Fetch,
    known: Mutex<Option<(Instant, CoreProviderMetadata)>>,
}

impl Provider {
    /// The provider of these settings. It is asked when somebody signs in.
    pub(super) fn new(settings: &Oidc) -> Self {
        let fetch = Fetch::new(settings.ca_file.clone(), settings.timeout);
        Self { settings: settings.clone(), fetch, known: Mutex::new(None) }
    }

    /// Where a person is sent.
    async fn question(&self, flow: &Flow) -> Result<String, BoxError> {
        let relying = self.relying(flow, FRESH).await?;
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(flow.verifier.clone()));
        let (state, nonce) = (flow.state.to_string(), flow.nonce.to_string());
        let (url, _, _) = relying
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || CsrfToken::new(state), || Nonce::new(nonce))
            .add_scopes(self.settings.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .url();
        Ok(url.to_string())
    }

    /// Who came back, as the provider says; `None`: somebody without a role.
    async fn person(&self, flow: &Flow, code: String) -> Result<Option<(String, Role)>, BoxError> {
        let relying = self.relying(flow, FRESH).await?;
        let exchange = relying
            .exchange_code(AuthorizationCode::new(code))?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier.clone()));
        // Boxed, since the compiler cannot see of the crate's own future that it may change threads.
        let answer: BoxFuture<'_, _> = Box::pin(exchange.request_async(&self.fetch));
        let answer = answer.await.map_err(said)?;
        match self.read(&relying, &answer, flow) {
            Ok(person) => Ok(person),
            // Its keys may have changed since it was asked.
            Err(_) => self.read(&self.relying(flow, FRESH_MIN).await?, &answer, flow),
        }
    }

    fn read(&self, relying: &Relying, answer: &Answer, flow: &Flow) -> Result<Option<(String, Role)>, BoxError> {
        let token = answer.id_token().ok_or("the provider sent no ID token")?;
        let verifier = relying.id_token_verifier().set_allowed_algs(ALGORITHMS);
        let claims = token.claims(&verifier, &Nonce::new(flow.nonce.to_string()))?;
        if let Some(expected) = claims.access_token_hash() {
            let (algorithm, key) = (token.signing_alg()?, token.signing_key(&verifier)?);
            if AccessTokenHash::from_token(answer.access_token(), algorithm, key)? != *expected {
                return Err("the access token is not the one the ID token was made with".into());
            }
        }
        // Anybody can say that an address is his.
        let verified = claims.email().filter(|_| claims.email_verified() == Some(true)).map(|email| email.as_str());
        let extra = &claims.additional_claims().claims;
        let name = self.name(claims.subject().as_str(), verified, extra)?;
        let groups = match extra.get(&self.settings.groups_claim) {
            Some(serde_json::Value::Array(groups)) => groups.iter().filter_map(serde_json::Value::as_str).collect(),
            Some(serde_json::Value::String(group)) => vec![group.as_str()],
            _ => Vec::new(),
        };
        let role = self.settings.mapping.role(verified, groups.into_iter());
        Ok(role.map(|role| (name, role)))
    }

    /// Who somebody is: what the provider vouches for, and he cannot choose. By this name he is written down, revoked and
    /// erased, so it must be nobody else's.
    fn name(&self, subject: &str, verified: Option<&str>, extra: &Claims) -> Result<String, BoxError> {
        match (self.settings.name_claim.as_deref(), verified) {
            (None, Some(email)) => Ok(email.to_lowercase()),
            // What one provider calls 42 is somebody else at another, and a subject may look like a name or an address.
            (None | Some("sub"), _) => Ok(format!("{}#{subject}", self.settings.issuer)),
            (Some(claim), _) => match extra.get(claim).and_then(serde_json::Value::as_str) {
                Some(name) if !name.is_empty() => Ok(name.to_owned()),
                _ => Err(format!("the ID token names nobody: it has no {claim:?}, which is `name_claim`").into()),
            },
        }
    }

    async fn relying(&self, flow: &Flow, fresh: Duration) -> Result<Relying, BoxError> {
        let metadata = self.metadata(fresh).await?;
        let id = ClientId::new(self.settings.client_id.clone());
        let secret = self.settings.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()));
        let relying = Client::from_provider_metadata(metadata, id, secret);
        Ok(relying.set_redirect_uri(RedirectUrl::new(flow.redirect.clone())?))
    }

    /// What the provider says of itself. Who asks meanwhile waits for the one answer.
    async fn metadata(&self, fresh: Duration) -> Result<CoreProviderMetadata, BoxError> {
        let mut known = self.known.lock().await;
        if let Some((since, metadata)) = &*known
            && clock::now().since(*since) < fresh
        {
            return Ok(metadata.clone());
        }
        let issuer = IssuerUrl::new(self.settings.issuer.clone())?;
        let asked: BoxFuture<'_, _> = Box::pin(CoreProviderMetadata::discover_async(issuer, &self.fetch));
        let metadata = asked.await.map_err(said)?;
        *known = Some((clock::now(), metadata.clone()));
        Ok(metadata)
    }
}

/// With its causes, since those say what is wrong.
fn said(error: impl std::error::Error + Send + Sync + 'static) -> BoxError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.into()
}

impl Console {
    /// Whether a request comes back from the provider, in the browser that was sent there.
    pub(super) fn comes_back(&self, headers: &::http::HeaderMap, visit: &Visit) -> bool {
        self.provider.is_some() && self.flow(headers, visit).is_some()
    }

    fn flow(&self, headers: &::http::HeaderMap, visit: &Visit) -> Option<Flow> {
        Flow::read(headers, visit.scheme, &self.keys, &visit.host, clock::unix_seconds()).ok()
    }

    /// Sends a person to the provider.
    pub(super) async fn depart(&self, request: &Request<Bytes>, visit: &Visit) -> Response<Bytes> {
        let now = clock::unix_seconds();
        if let Some(seconds) = self.must_wait(visit, now) {
            return too_many(seconds);
        }
        let Some(provider) = &self.provider else { return self.ask(StatusCode::OK, visit, None) };
        let mut verifier = [0; 32];
        let drawn = getrandom::fill(&mut verifier).map_err(BoxError::from);
        let flow = drawn.and_then(|()| {
            Ok(Flow {
                state: actions::new_id()?,
                nonce: actions::new_id()?,
                verifier: URL_SAFE_NO_PAD.encode(verifier),
                expiry: now.saturating_add(FLOW_TTL_SECONDS),
                host: visit.host.clone(),
                redirect: format!("{}{OIDC_CALLBACK}", form::origin(request, visit)),
            })
        });
        let flow = match flow {
            Ok(flow) => flow,
            Err(error) => return actions::unavailable(error),
        };
        match provider.question(&flow).await {
            Ok(url) => {
                let mut response = redirect(StatusCode::SEE_OTHER, &url);
                response.headers_mut().insert(SET_COOKIE, flow.cookie(visit.scheme, &self.keys));
                response
            }
            Err(error) => unreachable(&error),
        }
    }

    /// Takes a person back from the provider.
    pub(super) async fn arrive(&self, request: &Request<Bytes>, visit: &Visit) -> Response<Bytes> {
        let now = clock::unix_seconds();
        let mut response = match self.must_wait(visit, now) {
            Some(seconds) => too_many(seconds),
            None => self.judge(request, visit, now).await,
        };
        response.headers_mut().append(SET_COOKIE, flow::clear(visit.scheme));
        response
    }

    async fn judge(&self, request: &Request<Bytes>, visit: &Visit, now: u64) -> Response<Bytes> {
        let (Some(provider), Some(flow)) = (&self.provider, self.flow(request.headers(), visit)) else {
            return refused("The sign-in took too long, or was begun elsewhere.");
        };
        let field = |name: &str| form::value(request.uri().query().unwrap_or_default().as_bytes(), name);
        if field("state") != Some(flow.state.to_string()) {
            self.refuse(visit, now);
            return refused("The answer belongs to another sign-in.");
        }
        match self.sessions.use_once(flow.state, flow.expiry, now) {
            Ok(true) => {}
            Ok(false) => return refused("This answer was used before."),
            Err(error) => return actions::unavailable(error),
        }
        let Some(code) = field("code").filter(|code| code.len() <= CODE_BYTES_MAX) else {
            // What stands there is anybody's words; the provider's log has them, too. It counts, since each such answer
            // is remembered as used.
            self.refuse(visit, now);
            return refused("The provider did not let you in.");
        };
        match provider.person(&flow, code).await {
            Ok(Some((name, role))) => self.enter(visit, (name, role, Way::Oidc), now),
            Ok(None) => {
                self.refuse(visit, now);
                refused("You are known to the provider, but have no role here. Who runs this site can give you one.")
            }
            Err(error) => {
                self.refuse(visit, now);
                warn!(%error, "an answer of the OpenID provider was refused");
                refused("The provider's answer could not be verified. Waylight's log says why.")
            }
        }
    }
}

fn refused(text: &str) -> Response<Bytes> {
    pages::message(StatusCode::FORBIDDEN, "Not signed in", text, &[("Sign in", SIGN_IN)])
}

fn unreachable(error: &BoxError) -> Response<Bytes> {
    error!(%error, "the OpenID provider could not be asked");
    let text = "The provider cannot be asked now. Waylight's log says why.";
    let mut response = pages::message(StatusCode::BAD_GATEWAY, "Not now", text, &[("Sign in otherwise", SIGN_IN)]);
    response.headers_mut().insert(::http::header::RETRY_AFTER, HeaderValue::from_static("10"));
    response
}
