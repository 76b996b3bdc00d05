//! A client that does as little as can be, to load the endpoint and nothing else.

use std::io;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::Failed;

/// Asks so many different things over so many kept connections, and reads every answer.
pub(crate) fn ask(url: &str, connections: u32, requests: usize) -> Result<(), Failed> {
    let authority = url
        .trim_start_matches("http://")
        .split('/')
        .next()
        .unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let mut clients = tokio::task::JoinSet::new();
        for share in shares(requests, connections as usize) {
            clients.spawn(client(authority.to_owned(), share));
        }
        while let Some(ended) = clients.join_next().await {
            ended.map_err(|_| Failed::because("a client panicked"))??;
        }
        Ok(())
    })
}

fn shares(requests: usize, connections: usize) -> impl Iterator<Item = Range<usize>> {
    (0..connections).map(move |n| n * requests / connections..(n + 1) * requests / connections)
}

async fn client(authority: String, numbers: Range<usize>) -> io::Result<()> {
    let mut stream = TcpStream::connect(&authority).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    for number in numbers {
        stream
            .write_all(request(&authority, number).as_bytes())
            .await?;
        buffer.clear();
        while !whole(&buffer) {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if !buffer.starts_with(b"HTTP/1.1 200 ") {
            return Err(io::Error::other("the endpoint did not answer with 200"));
        }
    }
    Ok(())
}

/// About as long as a short prompt in the wire format of OpenAI.
fn request(authority: &str, number: usize) -> String {
    let ticket = "I was charged twice for the same order and would like one of the payments back. "
        .repeat(4);
    let body = format!(
        "{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":\"{number} {ticket}\"}}],\"temperature\":0}}"
    );
    let length = body.len();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

/// Whether head and body are there.
fn whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = str::from_utf8(&answer[..end]).unwrap_or_default();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.and_then(|length| length.parse().ok());
    length.is_some_and(|length: usize| answer.len() >= end + 4 + length)
}
