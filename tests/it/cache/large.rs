//! A large body in the whole pipeline, with a real origin and a real disk: whoever asks, and however slowly he reads, no more
//! of it is held than a few batches for each. All that is asked of the allocator counts, on the worker and on the threads
//! that read and write.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::support::{
    Account,
    client::connection,
    edge::{HOST, Stage},
};

const BLOCK_BYTES: usize = 1 << 16;
/// As many blocks has the body.
pub(super) const BLOCKS: usize = 1 << 10;
/// All that may be held at once for four clients, in octets: an eleventh of the body, and less than memory has room for.
const HELD_MAX: i64 = 6 << 20;

/// A block of the body; each is another one.
pub(super) fn block(number: usize) -> Vec<u8> {
    let mut block = vec![b'x'; BLOCK_BYTES];
    block[..8].copy_from_slice(format!("{number:08}").as_bytes());
    block
}

/// An origin of its own thread, which answers with one large body, and with small ones.
pub(super) fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4_096];
            let asked = stream.read(&mut head).unwrap_or(0);
            let blocks = if head[..asked].starts_with(b"GET /film ") { BLOCKS } else { 1 };
            let told = format!(
                "HTTP/1.1 200 OK\r\ncache-control: max-age=600\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                blocks * BLOCK_BYTES
            );
            let sent = stream.write_all(told.as_bytes());
            // Whoever went away is told by the next one.
            drop((0..blocks).fold(sent, |sent, number| sent.and_then(|()| stream.write_all(&block(number)))));
        }
    });
    address
}

/// Asks, and reads the head; what follows waits.
async fn begin(stage: &Stage, path: &str) -> (DuplexStream, String) {
    let mut client = connection(stage);
    let asked = format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n");
    client.write_all(asked.as_bytes()).await.unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(client.read_u8().await.unwrap()));
    }
    (client, head)
}

/// Reads the body.
async fn finish(mut client: DuplexStream, blocks: usize) {
    let mut read = vec![0; BLOCK_BYTES];
    for number in 0..blocks {
        client.read_exact(&mut read).await.unwrap();
        assert!(read == block(number), "block {number}");
    }
    assert_eq!(client.read(&mut read).await.unwrap(), 0);
}

/// Waits until so many are on disk.
async fn stored(stage: &Stage, count: usize) {
    while stage.services.cache.disk_size().unwrap().0 < count {
        tokio::task::yield_now().await;
    }
}

#[test]
fn hardly_any_of_a_large_body_is_held() {
    let account = Account::open();
    account.enter();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().on_thread_start(|| account.enter()).build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let directory = tempfile::tempdir().unwrap();
        let config = format!(
            "[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\n\
             cache = {{ object_bytes_max = \"1GiB\" }}\n\
             [upstream.app]\nendpoints = [\"http://@ORIGIN@\"]\n\
             [cache]\ndirectory = \"{}\"\nmemory_max = \"16MiB\"\n",
            directory.path().display()
        );
        let stage = Stage::set(&config, origin());
        // Whatever is made once is made, and the directory was looked at.
        finish(begin(&stage, "/small").await.0, 1).await;
        stored(&stage, 1).await;
        let begun = account.held();
        account.peak();
        let held = |what: &str| {
            let held = account.peak() - begun;
            assert!(held < HELD_MAX, "{what}: {held} octets");
        };
        let (slow, head) = begin(&stage, "/film").await;
        assert!(head.contains("cache-status: waylight; fwd=uri-miss;"), "{head}");
        let (slower, head) = begin(&stage, "/film").await;
        assert!(head.contains("; collapsed"), "{head}");
        let (fast, head) = begin(&stage, "/film").await;
        assert!(head.contains("; collapsed"), "{head}");
        finish(fast, BLOCKS).await;
        stored(&stage, 2).await;
        held("a miss");
        let (hit, head) = begin(&stage, "/film").await;
        assert!(head.contains("cache-status: waylight; hit"), "{head}");
        finish(hit, BLOCKS).await;
        held("a hit");
        finish(slow, BLOCKS).await;
        finish(slower, BLOCKS).await;
        held("slow clients");
        assert!(account.held() - begun < 1 << 20, "{} octets are left", account.held() - begun);
    });
}
