//! Which route answers a URL, and what its cache makes of it: whether it is asked at all, and under which key.

use http::{HeaderMap, Method, Uri};
use serde_json::{Value, json};

use crate::{
    config::{
        cache_settings,
        model::{Config, Route, Site},
    },
    rules::{
        cache::{Policy, Why, key},
        route::{Ask, Hosts, Miss, RequestPath, Table},
    },
};

/// What the configuration says of a GET.
pub(super) struct Routed {
    /// In words for whoever asked.
    pub(super) told: Value,
    /// The key that is looked for, as far as it is known without the route's mark.
    pub(super) key: String,
    /// The header fields as the cache sees them.
    pub(super) headers: HeaderMap,
}

/// Routes a GET of `url`, as [`canonical`](crate::rules::cache::purge::canonical) has it.
pub(super) fn routed(config: &Config, url: &str, mut headers: HeaderMap) -> Routed {
    let uri: Uri = url.parse().unwrap_or_default();
    let (site, route) = match find(config, &uri, &headers) {
        Ok(found) => found,
        Err(why) => return Routed { told: json!({ "route": null, "why": why }), key: url.to_owned(), headers },
    };
    let names = json!({ "route": route.name, "path": route.path.as_str(), "site": site.hosts.first().map(ToString::to_string) });
    let Some(policy) = &route.cache else {
        let told = with(names, json!({ "cached": false, "why": "the route has no `cache`" }));
        return Routed { told, key: url.to_owned(), headers };
    };
    key::ignore_cookies(&mut headers, &policy.ignore_cookies);
    let bypass = key::bypass(&headers, policy);
    let (key, why) = match keyed(&uri, &headers, policy) {
        Ok(key) => (key, bypass),
        Err(why) => (url.to_owned(), Some(why)),
    };
    let told = json!({
        "cached": why.is_none(),
        "why": why.as_ref().map(ToString::to_string),
        "reason": why.as_ref().map(Why::word),
        "key": key::url(&key),
        "key_parts": key::parts(&key).collect::<Vec<_>>(),
        "settings": cache_settings(policy).lines().collect::<Vec<_>>(),
    });
    Routed { told: with(names, told), key, headers }
}

fn find<'c>(config: &'c Config, uri: &Uri, headers: &HeaderMap) -> Result<(&'c Site, &'c Route), String> {
    let hosts = config.sites.iter().flat_map(|site| site.hosts.iter().map(move |host| (host.clone(), site)));
    let site = *Hosts::new(hosts).find(uri.host().unwrap_or_default()).ok_or("no site has this host")?;
    let path = RequestPath::parse(uri.path()).map_err(|error| error.as_str().to_owned())?;
    let table = Table::new(site.routes.iter().map(|route| (route.conditions(), route)));
    let ask = Ask { method: &Method::GET, path: &path, query: uri.query(), headers };
    match table.find(&ask) {
        Ok(found) => Ok((site, *found.value)),
        Err(Miss::NotFound) => Err("no route takes this request".to_owned()),
        Err(Miss::MethodNotAllowed(_)) => Err("no route takes a GET of it".to_owned()),
    }
}

fn keyed(uri: &Uri, headers: &HeaderMap, policy: &Policy) -> Result<String, Why> {
    let kept = uri.query().and_then(|query| key::query(query, &policy.query)).map(|kept| kept.join("&"));
    let query = kept.as_deref().map_or(uri.query(), |kept| Some(kept).filter(|kept| !kept.is_empty()));
    let asked = key::Asked {
        scheme: uri.scheme_str().unwrap_or_default(),
        authority: uri.authority().map_or("", http::uri::Authority::as_str),
        forwarded_host: None,
        path: uri.path(),
        query,
        headers,
    };
    key::key(&asked, policy)
}

fn with(mut names: Value, more: Value) -> Value {
    if let (Some(names), Value::Object(more)) = (names.as_object_mut(), more) {
        names.extend(more);
    }
    names
}
