//! Which fields a message has: one look at all its names, in place of a search for each name that might be there. Of
//! the fields that concern an intermediary most messages have none.

use http::{HeaderMap, HeaderName};

/// Which fields are there, of those that concern an intermediary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names(u32);

/// A set of fields, for [`Names::any`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field(u32);

impl Field {
    /// `Connection`.
    pub const CONNECTION: Self = Self(1);
    /// `TE`.
    pub const TE: Self = Self(1 << 1);
    /// `Transfer-Encoding`.
    pub const TRANSFER_ENCODING: Self = Self(1 << 2);
    /// `Upgrade`.
    pub const UPGRADE: Self = Self(1 << 3);
    /// The other fields that never pass a hop.
    pub const OTHER_HOP: Self = Self(1 << 4);
    /// `Content-Length`.
    pub const CONTENT_LENGTH: Self = Self(1 << 5);
    /// `Expect`.
    pub const EXPECT: Self = Self(1 << 6);
    /// `Via`.
    pub const VIA: Self = Self(1 << 7);
    /// What says where a request came from, but for what is written anew: `Forwarded`, `X-Real-IP`, `X-Forwarded-Port`.
    pub const ORIGIN: Self = Self(1 << 8);
    /// `Cookie`.
    pub const COOKIE: Self = Self(1 << 9);

    /// Whatever belongs to one connection.
    pub const HOP_BY_HOP: Self =
        Self(Self::CONNECTION.0 | Self::TE.0 | Self::TRANSFER_ENCODING.0 | Self::UPGRADE.0 | Self::OTHER_HOP.0);

    /// Whether `field` is one of these.
    pub(super) fn holds(self, field: Self) -> bool {
        self.0 & field.0 != 0
    }
}

impl Names {
    /// Looks at the names of `headers`.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(headers.keys().fold(0, |found, name| found | field(name).map_or(0, |field| field.0)))
    }

    /// Whether any of these is there.
    pub fn any(self, fields: Field) -> bool {
        self.0 & fields.0 != 0
    }
}

/// What a name means to an intermediary, if anything.
pub(super) fn field(name: &HeaderName) -> Option<Field> {
    Some(match name.as_str() {
        "connection" => Field::CONNECTION,
        "te" => Field::TE,
        "transfer-encoding" => Field::TRANSFER_ENCODING,
        "upgrade" => Field::UPGRADE,
        // No field of HTTP is `Proxy`, but CGI hands it to programs as `HTTP_PROXY`, which many obey.
        "keep-alive"
        | "proxy-connection"
        | "proxy-authenticate"
        | "proxy-authorization"
        | "http2-settings"
        | "proxy" => Field::OTHER_HOP,
        "content-length" => Field::CONTENT_LENGTH,
        "expect" => Field::EXPECT,
        "via" => Field::VIA,
        "forwarded" | "x-real-ip" | "x-forwarded-port" => Field::ORIGIN,
        "cookie" => Field::COOKIE,
        _ => return None,
    })
}
