//! The shop's pages, rendered on the server. Nothing a visitor sends is ever shown, so nothing needs escaping.

use super::data::{PRODUCTS, Product};

/// The style sheet.
pub(super) const STYLE: &str = include_str!("shop.css");
/// The script.
pub(super) const SCRIPT: &str = include_str!("shop.js");

/// What there is to see, and what to do.
pub(super) fn home() -> String {
    frame(
        "Lanterns",
        r#"<section class="hero"><h1>Light, and where it went</h1>
<p>A small shop of lanterns that stands behind Waylight. Follow one request through it:</p>
<ol class="steps">
<li><b>Sign in.</b> Open the sign-in link that <code>waylight demo</code> printed in the terminal.</li>
<li><b>Press <i>Start</i>.</b> From then on every request of this browser is traced, and nobody else's.</li>
<li><b>Click around here.</b> The pages below are slow, broken or streaming on purpose.</li>
<li><b>Look at the terminal.</b> Each request's spans appear there as a tree, the shop's own joined in.</li>
</ol></section>
<section class="cards">
<a class="card" href="/products"><h2>Products</h2><p>A list, its pictures, a style sheet, a script.</p></a>
<a class="card" href="/products/harbour-lantern"><h2>One product</h2><p>The page fetches its reviews from a JSON API.</p></a>
<a class="card" href="/slow"><h2>A slow page</h2><p>Two queries without an index: where did the time go?</p></a>
<a class="card" href="/failing"><h2>A failing page</h2><p>Answers 500, and says why in its span.</p></a>
<a class="card" href="/offers"><h2>A cached page</h2><p>Slow once, then fast: hit, stale, revalidated, collapsed.</p></a>
<a class="card" href="/streaming"><h2>A streaming page</h2><p>Eight parts in two seconds.</p></a>
<a class="card" href="/nowhere"><h2>Nothing here</h2><p>A page that does not exist.</p></a>
</section>"#,
    )
}

/// All lanterns.
pub(super) fn products(products: &[Product]) -> String {
    let cards: String = products
        .iter()
        .map(|product| {
            let Product { slug, name, line, .. } = product;
            format!(
                r#"<a class="card" href="/products/{slug}"><img src="/pictures/{slug}.svg" alt="" width="120" height="120"><h2>{name}</h2><p>{line}</p><p class="price">{}</p></a>
"#,
                price(product)
            )
        })
        .collect();
    frame("Products", &format!("<h1>Products</h1><section class=\"cards\">{cards}</section>"))
}

/// One lantern; its reviews are fetched by the page.
pub(super) fn product(product: &Product, stock: u32) -> String {
    let Product { slug, name, line, .. } = product;
    frame(
        name,
        &format!(
            r#"<article class="product"><img src="/pictures/{slug}.svg" alt="" width="280" height="280">
<div><h1>{name}</h1><p class="lead">{line}</p><p class="price">{}</p><p>{stock} left on the shelf.</p>
<h2>Reviews</h2><ul id="reviews" data-slug="{slug}"><li class="faint">fetching</li></ul>
<button type="button" id="again">Fetch them again</button></div></article>"#,
            price(product)
        ),
    )
}

/// A page that took its time.
pub(super) fn slow() -> String {
    frame(
        "Slow",
        "<h1>That took a while</h1><p>Two queries of this page have no index. The trace says which one was worse.</p>",
    )
}

/// A page that the edge keeps.
pub(super) fn offers(edition: u64) -> String {
    frame(
        "Offers",
        &format!(
            r#"<h1>Offers, edition {edition}</h1><p class="lead">This page takes a second to make, and the edge keeps it.</p>
<ol class="steps">
<li>The first request is a <b>miss</b>. Open two tabs at once: one of them is <b>collapsed</b> onto the other.</li>
<li>For ten seconds every request is a <b>hit</b>.</li>
<li>For ten more it is <b>stale</b>: answered at once, while a new one is fetched in the background.</li>
<li>After that the shop is asked whether it is current, and it is <b>revalidated</b>.</li>
<li>A change passes the cache by (<b>bypass</b>), and makes it forget this page.</li>
</ol>
<form method="post" action="/offers"><button>Change the offers</button></form>
<p class="faint">Each answer says why in its <code>Cache-Status</code>, each trace in its lookup span.</p>"#
        ),
    )
}

/// A page that failed.
pub(super) fn failing() -> String {
    frame("Failed", "<h1>The match went out</h1><p>This page always fails. Its span carries the exception.</p>")
}

/// A page that is not there.
pub(super) fn nowhere() -> String {
    frame("Not found", "<h1>No lantern here</h1><p>This page does not exist. <a href=\"/\">Back to the light</a></p>")
}

/// The beginning and the end of the streaming page.
pub(super) fn streaming() -> (String, String) {
    let mark = "<!-- parts -->";
    let whole = frame("Streaming", &format!("<h1>One lantern after another</h1><p class=\"row\">{mark}</p>"));
    match whole.split_once(mark) {
        Some((first, last)) => (first.to_owned(), last.to_owned()),
        None => (whole, String::new()),
    }
}

/// One part of the streaming page.
pub(super) fn streaming_part(part: usize, parts: usize) -> String {
    let product = &PRODUCTS[part % PRODUCTS.len()];
    format!("<img src=\"/pictures/{}.svg\" alt=\"{part} of {parts}\" width=\"72\" height=\"72\">\n", product.slug)
}

/// A lantern in a light of this hue.
pub(super) fn picture(hue: u16) -> String {
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 120" role="img"><defs><radialGradient id="g"><stop offset="0" stop-color="hsl({hue} 95% 78%)"/><stop offset=".5" stop-color="hsl({hue} 90% 62%)" stop-opacity=".55"/><stop offset="1" stop-color="hsl({hue} 90% 60%)" stop-opacity="0"/></radialGradient></defs>
<rect width="120" height="120" rx="18" fill="hsl({hue} 30% 12%)"/><circle cx="60" cy="62" r="52" fill="url(#g)"/>
<g fill="none" stroke="hsl({hue} 35% 82%)" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"><path d="M48 22a12 12 0 0 1 24 0"/><path d="M42 36h36l-5-12H47z" fill="hsl({hue} 25% 28%)"/><path d="M45 36v46M75 36v46M40 84h40v9H40z"/></g>
<path d="M60 46c9 12 11 17 11 22a11 11 0 0 1-22 0c0-5 2-10 11-22z" fill="hsl({hue} 100% 86%)"/></svg>
"##
    )
}

fn price(product: &Product) -> String {
    format!("{}.{:02} €", product.price_cents / 100, product.price_cents % 100)
}

fn frame(title: &str, main: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{title} · Lantern shop</title><link rel="icon" href="/pictures/harbour-lantern.svg"><link rel="stylesheet" href="/shop.css"><script src="/shop.js" defer></script></head>
<body><header><a class="brand" href="/"><img src="/pictures/harbour-lantern.svg" alt="" width="32" height="32">Lantern shop</a>
<nav><a href="/products">Products</a><a href="/slow">Slow</a><a href="/failing">Failing</a><a href="/offers">Offers</a><a href="/streaming">Streaming</a></nav></header>
<main>{main}</main>
<footer id="trace">This page was not traced. Sign in and press <i>Start</i>.</footer></body></html>
"#
    )
}
