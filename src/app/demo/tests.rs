use super::*;
use crate::{
    app::receivers::own_back_ends,
    config::{
        self, Source as Config,
        model::{Config as Meant, Scope},
    },
};

fn meant(listen: &str, otlp: Option<&str>) -> Meant {
    let options = Demo { listen: Some(listen.parse().unwrap()), otlp: otlp.map(|otlp| otlp.parse().unwrap()) };
    let text = configuration(&options, Path::new("/tmp/demo")).unwrap();
    let file = |_: &Path| Err("there is no file".to_owned());
    config::parse(&text, &Config { name: "demo", base: Path::new(""), env: &|_| None, file: &file }).unwrap().0
}

#[test]
fn a_back_end_that_is_the_demo_itself_is_told() {
    let own = own_back_ends(&meant("127.0.0.1:8080", Some("http://localhost:8080")));
    assert_eq!(own, ["the back end `otlp` is a listener of Waylight itself: it takes no spans there"]);
    assert_eq!(own_back_ends(&meant("127.0.0.1:8080", Some("http://localhost:4318"))), <[String; 0]>::default());
}

#[test]
fn only_on_loopback_everything_is_reached_on_the_site() {
    assert_eq!(meant("127.0.0.1:8080", None).access.on_site, Scope::All);
    assert_eq!(meant("0.0.0.0:8080", None).access.on_site, Scope::Session);
}
