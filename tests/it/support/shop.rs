//! The site that most tests of the pipeline begin with.

/// A site of `edge::HOST` in front of a scripted origin, with more that follows.
macro_rules! shop {
    ($more:literal) => {
        concat!(
            "[[site]]\nhosts = [\"shop.test\"]\n[[site.route]]\npath = \"/products/:slug\"\nupstream = \"app\"\n",
            "[upstream.app]\nendpoints = [\"http://@ORIGIN@\"]\n",
            $more
        )
    };
}
pub(crate) use shop;

/// A site of `edge::HOST` that asks a scripted origin about everything.
pub(crate) const SITE: &str = "[[site]]\nhosts = [\"shop.test\"]\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\n\
                              [upstream.app]\nendpoints = [\"http://@ORIGIN@\"]\n";
