//! A small HTTP/1.1 client over a plain socket. It sends paths byte for byte as they are given and shows answers as
//! they came, reason phrase included; clients that tidy up either would hide what is tested here.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// How long a test waits for an answer before it fails.
const ANSWER_TIME: Duration = Duration::from_secs(40);

/// A request as it will be sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: None }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn head(path: &str) -> Self {
        Self::new("HEAD", path)
    }

    pub(crate) fn put(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("PUT", path).body(body)
    }

    pub(crate) fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).json(body.to_string())
    }

    /// A body that says that it is JSON.
    pub(crate) fn json(self, body: impl Into<Vec<u8>>) -> Self {
        self.header("Content-Type", "application/json").body(body)
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds Basic credentials.
    pub(crate) fn authorized(self, user: &str, token: &str) -> Self {
        self.header("Authorization", &basic(user, token))
    }

    /// Method, path and headers, as they go over the wire.
    pub(crate) fn head_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: test\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// The value of an Authorization header.
pub(crate) fn basic(user: &str, token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{token}")))
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) reason: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Asks until the date of the answer is what it will stay: `Last-Modified` is never later than `Date`, and metadata
/// that changed several times in a second is dated ahead.
pub(crate) fn dated(mut ask: impl FnMut() -> Response) -> Response {
    loop {
        let answer = ask();
        let modified = answer.header("last-modified");
        if modified.is_none() || modified != answer.header("date") {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Response {
    /// The value of a header; its name in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(each, _)| each.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text without the name of the request, which no two have in common.
    pub(crate) fn told(&self) -> String {
        let Ok(mut document) = serde_json::from_slice::<Value>(&self.body) else { return self.text() };
        match document.as_object_mut().and_then(|problem| problem.remove("request")) {
            Some(_) => document.to_string(),
            None => self.text(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON: {error}: {}", self.text()))
    }

    /// The reason in the problem document.
    pub(crate) fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap_or_else(|| panic!("no detail: {}", self.text())).to_owned()
    }

    /// Checks the status, and shows the whole answer if it is another one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16, context: &str) -> Self {
        assert_eq!(self.status, status, "{context}: {} {}: {}", self.status, self.reason, self.text());
        self
    }
}

trait Socket: Read + Write + Send {
    fn end_writing(&self) -> io::Result<()>;
}

impl Socket for TcpStream {
    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Socket for UnixStream {
    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// A connection that is kept alive between requests.
pub(crate) struct Connection {
    reader: BufReader<Box<dyn Socket>>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).unwrap()
    }

    /// As [`Self::open`], for servers that may be gone.
    pub(crate) fn try_open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIME))?;
        stream.set_write_timeout(Some(ANSWER_TIME))?;
        Ok(Self { reader: BufReader::new(Box::new(stream)) })
    }

    /// A connection over the admin socket.
    pub(crate) fn admin(folder: &Path) -> Self {
        let stream = UnixStream::connect(folder.join("admin.sock")).unwrap();
        stream.set_read_timeout(Some(ANSWER_TIME)).unwrap();
        Self { reader: BufReader::new(Box::new(stream)) }
    }

    /// Sends a request and reads its answer.
    pub(crate) fn send(&mut self, request: &Request) -> Response {
        self.try_send(request).unwrap_or_else(|error| panic!("{} {}: {error}", request.method, request.path))
    }

    /// As [`Self::send`], for servers that may be gone.
    pub(crate) fn try_send(&mut self, request: &Request) -> io::Result<Response> {
        let mut message = request.head_bytes();
        message.extend_from_slice(request.body.as_deref().unwrap_or_default());
        self.write(&message)?;
        self.read_response(request.method == "HEAD")
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// Says that nothing more will be sent.
    pub(crate) fn end_writing(&self) {
        self.reader.get_ref().end_writing().unwrap();
    }

    /// Reads an answer; one to HEAD has no body, whatever its headers say.
    pub(crate) fn read_response(&mut self, head: bool) -> io::Result<Response> {
        let status_line = self.read_line()?;
        let mut words = status_line.splitn(3, ' ');
        let (version, status) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        assert!(matches!(version, "HTTP/1.0" | "HTTP/1.1"), "an answer begins with {status_line:?}");
        let mut response = Response {
            status: status.parse().unwrap_or_else(|_| panic!("an answer begins with {status_line:?}")),
            reason: words.next().unwrap_or_default().to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        loop {
            let line = self.read_line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            response.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        if !head {
            self.read_body(&mut response)?;
        }
        Ok(response)
    }

    fn read_body(&mut self, response: &mut Response) -> io::Result<()> {
        if response.header("transfer-encoding").is_some() {
            loop {
                let length = usize::from_str_radix(&self.read_line()?, 16).unwrap();
                self.read_piece(length, response)?;
                self.read_line()?;
                if length == 0 {
                    return Ok(());
                }
            }
        }
        let length = response.header("content-length").map_or(0, |length| length.parse().unwrap());
        self.read_piece(length, response)
    }

    fn read_piece(&mut self, length: usize, response: &mut Response) -> io::Result<()> {
        let mut piece = vec![0; length];
        self.reader.read_exact(&mut piece)?;
        response.body.append(&mut piece);
        Ok(())
    }

    fn read_line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        if self.reader.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8(line).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}
