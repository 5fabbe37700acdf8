//! A small OpenID provider: discovery, keys, authorization code with PKCE, ID tokens signed with ES256. What is wrong with
//! its tokens can be chosen.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) const CLIENT_ID: &str = "waylight";
pub(crate) const CLIENT_SECRET: &str = "what the provider knows Waylight by";

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wrong {
    Nothing,
    Issuer,
    Audience,
    Nonce,
    Expiry,
    Signature,
    /// `alg: none`.
    Unsigned,
}

/// A provider that answers until the test ends.
pub(crate) struct OpenId {
    pub(crate) address: SocketAddr,
    known: Arc<Known>,
}

struct Known {
    address: SocketAddr,
    key: EcdsaKeyPair,
    /// What was asked for, by code.
    codes: Mutex<HashMap<String, Asked>>,
    wrong: Mutex<Wrong>,
}

struct Asked {
    nonce: String,
    challenge: String,
    redirect: String,
    claims: Value,
}

impl OpenId {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let known = Arc::new(Known { address, key: key(), codes: Mutex::default(), wrong: Mutex::new(Wrong::Nothing) });
        let shared = Arc::clone(&known);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                shared.serve(stream);
            }
        });
        Self { address, known }
    }

    /// From now on this is wrong.
    pub(crate) fn goes_wrong(&self, wrong: Wrong) {
        *self.known.wrong.lock().unwrap() = wrong;
    }

    /// A person with these claims signs in at the address Waylight sent him to. Gives the target he is sent back to.
    pub(crate) fn approve(&self, location: &str, claims: Value) -> String {
        let (at, query) = location.split_once('?').unwrap();
        assert_eq!(at, format!("http://{}/authorize", self.address));
        let asked = fields(query);
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT_ID));
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        let mut codes = self.known.codes.lock().unwrap();
        let code = format!("code-{}", codes.len());
        let redirect = asked["redirect_uri"].clone();
        codes.insert(
            code.clone(),
            Asked {
                nonce: asked["nonce"].clone(),
                challenge: asked["code_challenge"].clone(),
                redirect: redirect.clone(),
                claims,
            },
        );
        let path = redirect.splitn(4, '/').nth(3).unwrap();
        format!("/{path}?code={code}&state={}", asked["state"])
    }
}

fn key() -> EcdsaKeyPair {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap()
}

impl Known {
    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut line, mut length, mut authorization) = (String::new(), 0, String::new());
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut field = String::new();
            reader.read_line(&mut field).unwrap();
            let Some((name, value)) = field.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "authorization" => authorization = value.trim().to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let path = line.split(' ').nth(1).unwrap();
        let answer = match path {
            "/.well-known/openid-configuration" => Some(self.discovery()),
            "/jwks" => Some(self.keys()),
            "/token" => self.token(&String::from_utf8(body).unwrap(), &authorization),
            _ => None,
        };
        let (status, answer) = match answer {
            Some(answer) => ("200 OK", answer),
            None => ("400 Bad Request", json!({ "error": "invalid_grant" })),
        };
        let answer = answer.to_string();
        let head = format!("content-type: application/json\r\ncontent-length: {}\r\nconnection: close", answer.len());
        write!(stream, "HTTP/1.1 {status}\r\n{head}\r\n\r\n{answer}").unwrap();
    }

    fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    fn discovery(&self) -> Value {
        let at = |path: &str| format!("{}/{path}", self.issuer());
        json!({
            "issuer": self.issuer(),
            "authorization_endpoint": at("authorize"),
            "token_endpoint": at("token"),
            "jwks_uri": at("jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "none"],
        })
    }

    fn keys(&self) -> Value {
        let point = self.key.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..65]));
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "1", "x": x, "y": y }] })
    }

    fn token(&self, form: &str, authorization: &str) -> Option<Value> {
        let form = fields(form);
        let credentials = format!("{CLIENT_ID}:{}", CLIENT_SECRET.replace(' ', "+"));
        let expected = base64::engine::general_purpose::STANDARD.encode(credentials);
        (authorization == format!("Basic {expected}")).then_some(())?;
        let asked = self.codes.lock().unwrap().remove(form.get("code")?)?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form.get("code_verifier")?));
        (challenge == asked.challenge && *form.get("redirect_uri")? == asked.redirect).then_some(())?;
        let now = waylight::clock::unix_seconds();
        let wrong = *self.wrong.lock().unwrap();
        let mut claims = json!({
            "iss": if wrong == Wrong::Issuer { "https://other.example".to_owned() } else { self.issuer() },
            "aud": if wrong == Wrong::Audience { "somebody-else" } else { CLIENT_ID },
            "nonce": if wrong == Wrong::Nonce { "another".to_owned() } else { asked.nonce },
            "exp": if wrong == Wrong::Expiry { now - 60 } else { now + 60 },
            "iat": now,
            "sub": "person-1",
        });
        claims.as_object_mut().unwrap().extend(asked.claims.as_object().unwrap().clone());
        let id_token = self.sign(&claims, wrong);
        Some(json!({ "access_token": "access", "token_type": "Bearer", "id_token": id_token }))
    }

    fn sign(&self, claims: &Value, wrong: Wrong) -> String {
        let header = match wrong {
            Wrong::Unsigned => json!({ "alg": "none" }),
            _ => json!({ "alg": "ES256", "kid": "1" }),
        };
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(claims));
        if wrong == Wrong::Unsigned {
            return format!("{signed}.");
        }
        let other = key();
        let key = if wrong == Wrong::Signature { &other } else { &self.key };
        let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The fields of a form or a query.
fn fields(form: &str) -> HashMap<String, String> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8().unwrap().into_owned()
    };
    form.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decode(name), decode(value))).collect()
}
