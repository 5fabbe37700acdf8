use super::*;

async fn lines(input: &[u8]) -> Vec<String> {
    let tail = Tail::default();
    follow(input, Stream::Stdout, "app".into(), tail.clone()).await;
    tail.lines().into_iter().map(|line| line.text.to_string()).collect()
}

#[tokio::test]
async fn lines_are_kept_as_they_come() {
    assert_eq!(lines(b"one\r\n\ntwo\nthree").await, ["one", "", "two", "three"]);
    assert!(lines(b"").await.is_empty());
}

#[tokio::test]
async fn what_is_no_text_is_made_text() {
    assert_eq!(lines(b"a\xff\x1b[31mb\n").await, ["a\u{fffd}\u{fffd}[31mb"]);
}

#[tokio::test]
async fn long_lines_are_cut_and_the_next_line_is_whole() {
    let mut input = vec![b'x'; LINE_BYTES_MAX * 3];
    input.extend_from_slice(b"\nnext\n");
    let lines = lines(&input).await;
    assert_eq!(lines[0].len(), KEPT_CHARS_MAX);
    assert_eq!(lines[1], "next");
}

#[tokio::test]
async fn only_the_last_lines_are_kept() {
    let input: String = (0..LINES_MAX + 5).map(|number| format!("{number}\n")).collect();
    let lines = lines(input.as_bytes()).await;
    assert_eq!((lines.len(), lines[0].as_str()), (LINES_MAX, "5"));
}
