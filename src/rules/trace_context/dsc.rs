//! Sentry's dynamic sampling context: what the head of a trace tells everybody after it, as `sentry-*` members of
//! `baggage`. It is frozen at its first egress, and at once when it came in.

use opentelemetry::trace::TraceId;

use super::{
    baggage::{self, Member},
    sentry_trace::Sampled,
};

/// The Sentry project of this edge.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Settings {
    /// The user part of the DSN.
    pub public_key: Option<String>,
    /// As configured, else from the DSN's host.
    pub org_id: Option<String>,
    /// Where this edge runs.
    pub environment: Option<String>,
    /// What it runs.
    pub release: Option<String>,
}

/// A head's decision and the rate it was made with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Head {
    /// The trace that begins.
    pub trace_id: TraceId,
    /// What was decided.
    pub sampled: Sampled,
    /// The rate really used, 0 to 1.
    pub rate: f64,
}

impl Settings {
    /// The `sentry-*` members of a trace that begins here; `None` without a project. A deferred head names neither
    /// rate nor flag.
    pub fn members(&self, head: Head) -> Option<String> {
        let public_key = self.public_key.as_deref()?;
        let mut list = String::with_capacity(256);
        let mut push = |key: &str, value: &str| baggage::push(&mut list, key, value);
        for (key, value) in [("sentry-environment", &self.environment), ("sentry-release", &self.release)] {
            if let Some(value) = value {
                push(key, value);
            }
        }
        push("sentry-public_key", public_key);
        push("sentry-trace_id", &format!("{:032x}", head.trace_id));
        if let Some(org_id) = &self.org_id {
            push("sentry-org_id", org_id);
        }
        push("sentry-sample_rand", &sample_rand(head));
        match head.sampled {
            Sampled::Deferred => return Some(list),
            Sampled::Yes => push("sentry-sampled", "true"),
            Sampled::No => push("sentry-sampled", "false"),
        }
        push("sentry-sample_rate", &head.rate.to_string());
        Some(list)
    }

    /// Whether a context with these members belongs to another organisation, and so must not be continued.
    pub fn is_foreign<'a>(&self, mut members: impl Iterator<Item = Member<'a>>) -> bool {
        let Some(own) = &self.org_id else { return false };
        members.any(|member| member.sentry_key().as_deref() == Some("org_id") && member.value() != own.as_str())
    }
}

/// `sample_rand`: six decimals in [0,1), from the last 56 bits of the trace id, which are its most random ones; below
/// the rate if and only if sampled, anywhere if nothing is decided.
pub fn sample_rand(head: Head) -> String {
    const STEPS: f64 = 1_000_000.0;
    let bits = u128::from_be_bytes(head.trace_id.to_bytes()) & ((1 << 56) - 1);
    #[expect(clippy::cast_precision_loss, reason = "56 bits and then 20 of them are used")]
    let random = bits as f64 / (1_u64 << 56) as f64;
    let edge = first_step_not_below(head.rate, STEPS);
    let (low, high) = match head.sampled {
        Sampled::Deferred => (0.0, STEPS),
        Sampled::Yes => (0.0, edge.max(1.0)),
        Sampled::No => (edge.min(STEPS - 1.0), STEPS),
    };
    let step = (low + random * (high - low)).floor().min(high - 1.0);
    format!("{:.6}", step / STEPS)
}

/// The smallest number of steps that is not below `rate`, in spite of rounding.
fn first_step_not_below(rate: f64, steps: f64) -> f64 {
    let edge = (rate * steps).ceil().clamp(0.0, steps);
    if edge > 0.0 && (edge - 1.0) / steps >= rate { edge - 1.0 } else { edge }
}
