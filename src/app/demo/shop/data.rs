//! What the shop sells, and what people say of it.

/// A lantern.
pub(super) struct Product {
    pub(super) slug: &'static str,
    pub(super) name: &'static str,
    pub(super) line: &'static str,
    pub(super) price_cents: u32,
    /// The hue of its light, in degrees.
    pub(super) hue: u16,
    pub(super) reviews: &'static [Review],
}

/// What somebody says of a lantern.
pub(super) struct Review {
    pub(super) author: &'static str,
    pub(super) stars: u8,
    pub(super) text: &'static str,
}

const fn review(author: &'static str, stars: u8, text: &'static str) -> Review {
    Review { author, stars, text }
}

/// Everything on the shelf.
pub(super) const PRODUCTS: &[Product] = &[
    Product {
        slug: "harbour-lantern",
        name: "Harbour lantern",
        line: "Brass and thick glass, for a quay in the fog.",
        price_cents: 8_900,
        hue: 38,
        reviews: &[
            review("Ines", 5, "Seen from across the bay."),
            review("Oskar", 4, "Heavy, and that is what I wanted."),
            review("Mei", 5, "The cat approves."),
        ],
    },
    Product {
        slug: "reading-lamp",
        name: "Reading lamp",
        line: "One page, one pool of light.",
        price_cents: 4_500,
        hue: 52,
        reviews: &[review("Tomas", 5, "Finished two novels."), review("Ada", 4, "A longer cord, please.")],
    },
    Product {
        slug: "storm-light",
        name: "Storm light",
        line: "Keeps burning when the evening does not.",
        price_cents: 12_000,
        hue: 18,
        reviews: &[review("Jonas", 5, "Survived the Skagerrak."), review("Lena", 3, "Storm not included.")],
    },
    Product {
        slug: "paper-moon",
        name: "Paper moon",
        line: "Rice paper, folded by hand.",
        price_cents: 2_900,
        hue: 210,
        reviews: &[review("Yuki", 5, "Exactly as round as it should be.")],
    },
    Product {
        slug: "greenhouse-glow",
        name: "Greenhouse glow",
        line: "For seedlings, and for those who sit with them.",
        price_cents: 6_400,
        hue: 140,
        reviews: &[review("Piotr", 4, "The tomatoes are enthusiastic."), review("Nia", 5, "Calm.")],
    },
    Product {
        slug: "violet-hour",
        name: "Violet hour",
        line: "Ten minutes of dusk, whenever you like.",
        price_cents: 7_700,
        hue: 285,
        reviews: &[review("Clara", 5, "Dinner takes longer now."), review("Sam", 4, "My plants are confused.")],
    },
];

/// The lantern of this slug.
pub(super) fn product(slug: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.slug == slug)
}
