use super::*;

fn url(number: usize) -> Purge {
    Purge::Url(format!("http://a/{number}"))
}

#[test]
fn many_purges_of_other_urls_mean_nothing() {
    let mut purges = Purges::default();
    for number in 0..URLS_MAX * 2 - 1 {
        purges.note(&url(number));
    }
    assert!(!purges.mean(0, "http://a/x", |_| true), "no other purge means it");
    assert!(purges.mean(0, "http://a/7", |_| false));
    assert!(!purges.mean(8, "http://a/7", |_| false), "it was the eighth");
    purges.note(&url(7));
    assert!(purges.mean(8, "http://a/7", |_| false));
    for number in 0..URLS_MAX {
        purges.note(&url(number));
    }
    assert!(purges.mean(0, "http://a/x", |_| false), "what is forgotten may have meant it");
    assert!(!purges.mean(purges.count() - 1, "http://a/x", |_| false));
    assert!(purges.urls.len() + purges.urls_before.len() <= 2 * URLS_MAX);
}

#[test]
fn other_purges_are_asked_one_by_one() {
    let mut purges = Purges::default();
    purges.note(&Purge::Tag("shoes".into()));
    purges.note(&url(1));
    let is_shoes = |purge: &Purge| *purge == Purge::Tag("shoes".into());
    assert!(purges.mean(0, "http://a/x", is_shoes) && !purges.mean(1, "http://a/x", is_shoes));
    for number in 0..OTHERS_MAX {
        purges.note(&Purge::Tag(number.to_string()));
    }
    assert!(purges.mean(0, "http://a/x", |_| false), "the first one is forgotten");
    assert!(!purges.mean(1, "http://a/x", |_| false));
}
