//! Cross-origin resource sharing: tower-http's layer, as it is. Every `OPTIONS` that reaches it is answered as a
//! preflight.

use http::HeaderValue;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::{config::model::Cors, proxy::snapshot::BuildError};

pub(super) fn layer(cors: &Cors) -> Result<CorsLayer, BuildError> {
    let mut layer = CorsLayer::new();
    layer = if cors.origins.iter().any(|origin| origin == "*") {
        // The layer panics at any origin with credentials; the configuration refuses it before.
        if cors.credentials.is_on() {
            return Err(BuildError::Unknown { kind: "origin for credentials", name: "*".to_owned() });
        }
        layer.allow_origin(Any)
    } else {
        let known = |origin: &String| {
            HeaderValue::from_str(origin).map_err(|_| BuildError::Unknown { kind: "origin", name: origin.clone() })
        };
        let origins = cors.origins.iter().map(known).collect::<Result<Vec<_>, _>>()?;
        layer.allow_origin(AllowOrigin::list(origins)).allow_credentials(cors.credentials.is_on())
    };
    if !cors.methods.is_empty() {
        layer = layer.allow_methods(cors.methods.clone());
    }
    if !cors.headers.is_empty() {
        layer = layer.allow_headers(cors.headers.clone());
    }
    if let Some(max_age) = cors.max_age {
        layer = layer.max_age(max_age);
    }
    Ok(layer)
}
