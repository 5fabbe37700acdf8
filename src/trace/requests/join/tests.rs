use super::*;

fn entry(id: u128, destination: &str, url: u64, referer: u64) -> Brief {
    let codes = 0..22;
    let code = codes.into_iter().find(|code| Destination::of(*code).as_str() == destination).unwrap();
    let hints = Hints { browser: 5, url, referer, destination: Destination::of(code) };
    Brief { id, start: 1_000_000_000, hints }
}

fn at(seconds: u64, entry: Brief) -> Brief {
    Brief { start: seconds * 1_000_000_000, ..entry }
}

/// Joins a request, whose place is its number.
fn join(joiner: &mut Joiner, request: Brief) -> Joined {
    joiner.join(Place::new(u64::try_from(request.id).unwrap()), request)
}

fn ids(late: &[Member]) -> Vec<u128> {
    let mut ids: Vec<u128> = late.iter().map(|member| member.id).collect();
    assert!(late.iter().all(|member| member.place == Place::new(u64::try_from(member.id).unwrap())));
    ids.sort_unstable();
    ids
}

fn page(page: u128) -> Joined {
    Joined { page: Some(page), late: Vec::new() }
}

#[test]
fn what_a_page_loads_belongs_to_it() {
    let mut joiner = Joiner::default();
    assert_eq!(join(&mut joiner, entry(1, "document", 10, 0)), page(1));
    assert_eq!(join(&mut joiner, entry(2, "style", 20, 10)), page(1));
    // A font that the style asked for, and a fetch that hides its referer.
    assert_eq!(join(&mut joiner, entry(3, "font", 0, 20)), page(1));
    assert_eq!(join(&mut joiner, entry(4, "empty", 0, 0)), page(1));
    // Nothing says that this is a browser's.
    assert_eq!(join(&mut joiner, entry(5, "", 0, 0)), Joined::default());
    // Another browser's page of the same URL is another page.
    let mut other = entry(6, "image", 0, 10);
    other.hints.browser = 6;
    assert_eq!(join(&mut joiner, other).page, None);
    // The page is opened again.
    assert_eq!(join(&mut joiner, at(2, entry(7, "document", 10, 0))), page(7));
    assert_eq!(join(&mut joiner, entry(8, "image", 0, 10)), page(7));
}

#[test]
fn what_ends_before_its_page_is_joined_late() {
    let mut joiner = Joiner::default();
    assert_eq!(join(&mut joiner, entry(1, "style", 20, 10)), Joined::default());
    assert_eq!(join(&mut joiner, entry(2, "font", 0, 20)), Joined::default());
    assert_eq!(join(&mut joiner, entry(3, "image", 0, 10)), Joined::default());
    let Joined { page, late } = join(&mut joiner, entry(4, "document", 10, 0));
    assert_eq!((page, ids(&late)), (Some(4), vec![1, 2, 3]));
}

#[test]
fn what_ends_before_a_page_that_is_opened_again_is_joined_to_that_view() {
    let mut joiner = Joiner::default();
    assert_eq!(join(&mut joiner, at(1, entry(1, "document", 10, 0))), page(1));
    assert_eq!(join(&mut joiner, at(2, entry(2, "style", 20, 10))), page(1));
    // The page is opened again at 5, and ends last.
    for (id, request) in [(3, entry(3, "font", 0, 20)), (4, entry(4, "style", 20, 10)), (5, entry(5, "empty", 0, 0))] {
        assert_eq!(join(&mut joiner, at(6, request)).page, Some(1), "{id}: so it seems");
    }
    let Joined { page: own, late } = join(&mut joiner, at(5, entry(6, "document", 10, 0)));
    assert_eq!((own, ids(&late)), (Some(6), vec![3, 4, 5]));
    assert_eq!(join(&mut joiner, at(7, entry(7, "font", 0, 20))), page(6));
}

#[test]
fn an_old_page_is_not_the_last_one() {
    let mut joiner = Joiner::default();
    join(&mut joiner, entry(1, "document", 10, 0));
    let mut later = entry(2, "empty", 0, 0);
    later.start += LAST_PAGE_NANOS;
    assert_eq!(join(&mut joiner, later).page, None);
}

#[test]
fn everything_is_bounded() {
    let mut joiner = Joiner::default();
    for number in 0..2 * REMEMBERED_MAX as u64 {
        join(&mut joiner, entry(number.into(), "document", number, 0));
        join(&mut joiner, entry(number.into(), "image", 0, number + 1_000_000));
        join(&mut joiner, entry(number.into(), "image", 0, 5_000_000));
    }
    assert!(joiner.urls.len() <= REMEMBERED_MAX);
    assert!(joiner.waiting.len() <= REMEMBERED_MAX / 16);
    assert!(joiner.lately.len() <= OVERTAKEN_MAX);
    assert!(joiner.waiting.values().all(|waiting| waiting.len() <= WAITING_MAX));
}
