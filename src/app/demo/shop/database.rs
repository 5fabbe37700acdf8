//! The shop's database, simulated: each query takes its time and has its span, named as the semantic conventions of
//! database clients say.

use std::{sync::Arc, time::Duration};

use opentelemetry::{
    Context, KeyValue,
    trace::{SpanKind, TraceContextExt as _, Tracer as _},
};
use opentelemetry_sdk::trace::SdkTracer;

use super::data::{PRODUCTS, Product, Review, product};

/// A connection to the database, within one request.
pub(super) struct Database {
    pub(super) tracer: Arc<SdkTracer>,
    pub(super) cx: Context,
}

impl Database {
    /// All lanterns.
    pub(super) async fn products(&self) -> &'static [Product] {
        self.query("SELECT", "products", "SELECT slug, name, price FROM products ORDER BY name", 4).await;
        PRODUCTS
    }

    /// One lantern.
    pub(super) async fn product(&self, slug: &str) -> Option<&'static Product> {
        self.query("SELECT", "products", "SELECT * FROM products WHERE slug = $1", 3).await;
        product(slug)
    }

    /// What is left of it.
    pub(super) async fn stock(&self, product: &Product) -> u32 {
        self.query("SELECT", "stock", "SELECT count FROM stock WHERE slug = $1", 2).await;
        u32::from(product.hue) % 17 + 1
    }

    /// What is said of it. One query a review for its author: the classic fault that a trace shows at once.
    pub(super) async fn reviews(&self, product: &Product) -> &'static [Review] {
        self.query("SELECT", "reviews", "SELECT * FROM reviews WHERE slug = $1", 5).await;
        for _ in product.reviews {
            self.query("SELECT", "authors", "SELECT name FROM authors WHERE id = $1", 2).await;
        }
        product.reviews
    }

    /// A report that somebody forgot to index.
    pub(super) async fn report(&self) {
        self.query("SELECT", "orders", "SELECT sum(total) FROM orders GROUP BY day", 900).await;
        self.query("SELECT", "visits", "SELECT count(*) FROM visits JOIN orders USING (visitor)", 500).await;
    }

    /// What is cheaper today: a query that a cache saves.
    pub(super) async fn offers(&self) {
        self.query("SELECT", "offers", "SELECT * FROM offers JOIN products USING (slug) ORDER BY price", 800).await;
    }

    async fn query(&self, operation: &'static str, table: &'static str, text: &'static str, millis: u64) {
        let span = self
            .tracer
            .span_builder(format!("{operation} {table}"))
            .with_kind(SpanKind::Client)
            .with_attributes([
                KeyValue::new("db.system.name", "postgresql"),
                KeyValue::new("db.operation.name", operation),
                KeyValue::new("db.collection.name", table),
                KeyValue::new("db.query.text", text),
            ])
            .start_with_context(&*self.tracer, &self.cx);
        let cx = self.cx.with_span(span);
        tokio::time::sleep(Duration::from_millis(millis)).await;
        cx.span().end();
    }
}
