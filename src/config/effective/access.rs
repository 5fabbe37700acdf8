//! `[access]` and `[privacy]`, as they are written out.

use super::{HIDDEN, Writer, text};
use crate::config::model::{Access, ClientAddress, Mapping, NamedToken, Oidc, Privacy, Proof, SignIn};

impl Writer {
    pub(super) fn access(&mut self, access: &Access) {
        self.table("[access]");
        self.list("secrets", access.secrets.iter().map(|_| HIDDEN.to_owned()));
        self.names("trusted_proxies", &access.trusted_proxies);
        self.word("sign_in", if access.sign_in == SignIn::Admin { "admin" } else { "public" });
        self.word("on_site", access.on_site.word());
        self.duration("link_ttl", access.link_ttl);
        self.duration("identity_ttl", access.identity_ttl);
        self.duration("session_ttl", access.session_ttl);
        self.set("session_spans_max", access.session_spans_max);
        self.duration("force_ttl", access.force_ttl);
        self.duration("guest_ttl", access.guest_ttl);
        self.set("guest_requests_max", access.guest_requests_max);
        self.size("audit_bytes_max", access.audit_bytes_max);
        self.set("audit_files_max", access.audit_files_max);
        if let Some(folder) = &access.console_dir {
            self.path("console_dir", folder);
        }
        access.tokens.iter().for_each(|token| self.named_token(token));
        if let Some(proof) = &access.forward_auth {
            self.forward_auth(proof);
        }
        if let Some(oidc) = &access.oidc {
            self.oidc(oidc);
        }
    }

    pub(super) fn privacy(&mut self, privacy: Privacy) {
        self.table("[privacy]");
        self.word("client_address", client_address(privacy.client_address));
        self.word("client_address_log", client_address(privacy.client_address_log));
    }

    fn named_token(&mut self, token: &NamedToken) {
        self.table("[[access.token]]");
        self.text("name", &token.name);
        self.word("role", token.role.word());
        self.set("token", HIDDEN);
        self.names("hosts", &token.hosts);
    }

    fn forward_auth(&mut self, proof: &Proof) {
        self.table("[access.forward_auth]");
        self.text("user_header", proof.user.as_str());
        self.optional("role_header", proof.role.as_ref().map(http::HeaderName::as_str));
        self.optional("groups_header", proof.groups.as_ref().map(http::HeaderName::as_str));
        self.mapping(&proof.mapping, "users");
    }

    fn oidc(&mut self, oidc: &Oidc) {
        self.table("[access.oidc]");
        self.text("issuer", &oidc.issuer);
        self.text("client_id", &oidc.client_id);
        if oidc.client_secret.is_some() {
            self.set("client_secret", HIDDEN);
        }
        self.names("scopes", &oidc.scopes);
        self.optional("name_claim", oidc.name_claim.as_deref());
        self.text("groups_claim", &oidc.groups_claim);
        self.mapping(&oidc.mapping, "emails");
        if let Some(path) = &oidc.ca_file {
            self.path("ca_file", path);
        }
        self.duration("timeout", oidc.timeout);
    }

    fn mapping(&mut self, mapping: &Mapping, people: &str) {
        self.inline("groups", mapping.groups.iter().map(|(name, role)| (name.clone(), text(role.word()))));
        self.inline(people, mapping.people.iter().map(|(name, role)| (name.clone(), text(role.word()))));
        self.optional("role", mapping.otherwise.map(crate::config::model::Role::word));
    }
}

const fn client_address(setting: ClientAddress) -> &'static str {
    match setting {
        ClientAddress::Full => "full",
        ClientAddress::Truncated => "truncated",
        ClientAddress::Off => "off",
    }
}
