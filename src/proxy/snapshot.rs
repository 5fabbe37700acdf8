//! A configuration as it runs. Built whole or not at all: a faulty one leaves the snapshot before it running.
//!
//! Building without a previous snapshot *is* start-up. Whatever means the same in both is taken over: budgets here, pools
//! and processes in `upstreams`.

use std::{fmt, sync::Arc};

use super::{
    cache::CacheStore,
    permits::Permits,
    reserved::Door,
    sentry::SentryServices,
    stack::{Stack, Worker},
    upstreams::{self, UpstreamServices},
};
use crate::{
    config::model::{Config, RouteTrace},
    rules::{headers::redact::Redaction, token::Keys, trace_context::Settings},
    trace::{
        counters::Counters,
        outbox::Outbox,
        quota::Quota,
        requests::{keep::KeepRules, log::RequestOutbox},
        sessions::{Budget, Sessions},
    },
};

/// What lives as long as the process, whatever the configuration says.
#[derive(Clone)]
pub struct Services {
    /// Places for requests in progress.
    pub permits: Arc<Permits>,
    /// What is live, revoked and used.
    pub sessions: Arc<Sessions>,
    /// How many spans may still be stored this month.
    pub quota: Arc<Quota>,
    /// The way to Waylight's own pages.
    pub door: Door,
    /// Stored responses.
    pub cache: Arc<CacheStore>,
    /// What the tunnels to Sentry share.
    pub sentry: SentryServices,
    /// Name look-ups, processes and roots of trust.
    pub upstream: UpstreamServices,
}

/// A configuration as it runs.
pub struct Snapshot {
    /// Counts reloads; the first snapshot is 1.
    pub generation: u64,
    /// What is wished.
    pub config: Arc<Config>,
    /// What tokens are signed with.
    pub keys: Arc<Keys>,
    /// What lives as long as the process.
    pub services: Services,
    /// What is hidden in spans.
    pub redaction: Arc<Redaction>,
    /// The Sentry project, for the dynamic sampling context.
    pub sentry: Arc<Settings>,
    /// What the general ratio may record.
    pub ratio_budget: Arc<Budget>,
    /// What is kept of requests that nobody traced.
    pub keep: KeepRules,
    /// What the trace rules of routes may record, by site and route.
    pub route_budgets: Vec<Vec<Option<Arc<Budget>>>>,
}

impl Snapshot {
    /// Builds what `config` wishes.
    ///
    /// # Errors
    /// If something that it names cannot be used; nothing has changed then.
    pub fn build(
        config: Config,
        previous: Option<&Self>,
        keys: Arc<Keys>,
        services: Services,
    ) -> Result<Self, BuildError> {
        let sentry = config.sentry.as_ref().map_or_else(Settings::default, |sentry| Settings {
            public_key: Some(sentry.dsn.public_key().to_owned()),
            org_id: sentry.org_id.clone(),
            environment: sentry.environment.clone(),
            release: sentry.release.clone(),
        });
        let trace = &config.trace;
        let snapshot = Self {
            generation: previous.map_or(1, |previous| previous.generation + 1),
            redaction: Arc::new(redaction(&config)),
            sentry: Arc::new(sentry),
            ratio_budget: previous
                .filter(|previous| previous.config.trace.spans_per_minute_max == trace.spans_per_minute_max)
                .map_or_else(
                    || Arc::new(Budget::new(trace.spans_per_minute_max, Arc::clone(&services.quota))),
                    |previous| Arc::clone(&previous.ratio_budget),
                ),
            keep: keep_rules(&config, previous, &services.quota),
            route_budgets: route_budgets(&config, previous, &services.quota),
            config: Arc::new(config),
            keys,
            services,
        };
        // Every worker builds the same stack from the same snapshot: what cannot be built shows here, and only here.
        let counters = Arc::new(Counters::default());
        let (outbox, _inbox) = Outbox::new(1, Arc::clone(&counters));
        let (requests, _log) = RequestOutbox::new(1, Arc::clone(&counters));
        Stack::build(&snapshot, &Worker { counters, outbox, requests }, None)?;
        Ok(snapshot)
    }
}

/// What is hidden of spans, wherever they come from.
pub fn redaction(config: &Config) -> Redaction {
    let trace = &config.trace;
    Redaction::new(&trace.redact_headers, &trace.redact_query)
        .with_attributes(&trace.redact_attributes)
        .with_client_address(config.privacy.client_address)
}

/// The rules, with what is left of their budget.
fn keep_rules(config: &Config, previous: Option<&Snapshot>, quota: &Arc<Quota>) -> KeepRules {
    let spans = config.requests.keep_spans_per_minute_max;
    let kept = previous.map(|previous| &previous.keep.budget).filter(|kept| kept.spans_per_minute_max() == spans);
    KeepRules {
        rules: config.requests.keep.as_slice().into(),
        budget: kept.map_or_else(|| Arc::new(Budget::new(spans, Arc::clone(quota))), Arc::clone),
    }
}

/// A budget for each route with a trace rule; a route that did not change keeps what is left of its own.
fn route_budgets(config: &Config, previous: Option<&Snapshot>, quota: &Arc<Quota>) -> Vec<Vec<Option<Arc<Budget>>>> {
    let kept = |site: usize, route: usize, rule: &RouteTrace| {
        let previous = previous?;
        let same = previous.config.sites.get(site)?.routes.get(route)?.trace.as_ref() == Some(rule);
        previous.route_budgets[site][route].clone().filter(|_| same)
    };
    let of_site = |(at, site): (usize, &crate::config::model::Site)| {
        let budget = |(place, route): (usize, &crate::config::model::Route)| {
            let new = |rule: &RouteTrace| Arc::new(Budget::new(rule.spans_per_minute_max, Arc::clone(quota)));
            route.trace.as_ref().map(|rule| kept(at, place, rule).unwrap_or_else(|| new(rule)))
        };
        site.routes.iter().enumerate().map(budget).collect()
    };
    config.sites.iter().enumerate().map(of_site).collect()
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// Why a configuration cannot run.
#[derive(Debug)]
pub enum BuildError {
    /// An upstream cannot be set up.
    Upstream(upstreams::BuildError),
    /// Something is named that is not there.
    Unknown {
        /// What it would be.
        kind: &'static str,
        /// Its name.
        name: String,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upstream(error) => error.fmt(f),
            Self::Unknown { kind, name } => write!(f, "there is no {kind} named {name:?}"),
        }
    }
}

impl std::error::Error for BuildError {}

impl From<upstreams::BuildError> for BuildError {
    fn from(error: upstreams::BuildError) -> Self {
        Self::Upstream(error)
    }
}
