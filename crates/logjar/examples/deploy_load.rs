//! Whole deploys as fast as a number of clients can make them, each on one connection that it keeps.
//!
//! A deploy is a jar, a POM, the SHA-1 and MD5 sums of both, and the artifact's metadata, which finishes it: seven
//! requests. What is sent is made before the clock starts. Prints one JSON line with the rate and the times of single
//! deploys.
//!
//! Usage: `LOGJAR_TOKEN=… deploy_load PORT USER ARTIFACT CLIENTS FIRST COUNT own|whole`
//!
//! Each client deploys the versions `1.FIRST` to `1.(FIRST+COUNT-1)`, of an artifact of its own if there are several.
//! The metadata names the `own` version alone; or it is the `whole` document, asked for first and sent back with one
//! more version and its own sums, as Maven does. Then there are ten requests, and they grow with the versions.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::{Duration, Instant};
use std::{env, thread};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use logjar_maven::checksum::{Algorithm, Digests};

const JAR_BYTES: usize = 20 * 1024;
const GROUP: &str = "org.example.load";

type Failure = Box<dyn Error + Send + Sync>;

/// A connection that is kept.
struct Client {
    writer: TcpStream,
    reader: BufReader<TcpStream>,
    authorization: String,
}

/// The files of one version, with their paths below the repository.
struct Deploy {
    artifact: String,
    version: String,
    files: Vec<(String, Vec<u8>)>,
}

struct Plan {
    port: u16,
    user: String,
    token: String,
    artifact: String,
    clients: usize,
    first: u32,
    count: u32,
    whole_metadata: bool,
}

impl Client {
    fn connect(plan: &Plan) -> Result<Self, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", plan.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let credentials = STANDARD.encode(format!("{}:{}", plan.user, plan.token));
        Ok(Self {
            writer: stream.try_clone()?,
            reader: BufReader::new(stream),
            authorization: format!("Basic {credentials}"),
        })
    }

    /// Sends one request; returns status and body of its answer.
    fn request(&mut self, method: &str, path: &str, body: &[u8]) -> Result<(u16, String), Failure> {
        let mut message = format!(
            "{method} /repo/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Apache-Maven/3.9.16\r\n\
             Authorization: {}\r\nContent-Length: {}\r\n\r\n",
            self.authorization,
            body.len()
        )
        .into_bytes();
        message.extend_from_slice(body);
        self.writer.write_all(&message)?;
        self.answer()
    }

    fn answer(&mut self) -> Result<(u16, String), Failure> {
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err("the server closed the connection".into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest.split(' ').next().unwrap_or_default().parse()?;
            } else if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok((status, String::from_utf8(body)?))
    }

    fn put(&mut self, path: &str, body: &[u8]) -> Result<(), Failure> {
        match self.request("PUT", path, body)? {
            (201, _) => Ok(()),
            (status, text) => Err(format!("PUT `{path}`: {status} {text}").into()),
        }
    }

    fn deploy(&mut self, deploy: &Deploy, whole_metadata: bool) -> Result<(), Failure> {
        for (path, body) in &deploy.files {
            self.put(path, body)?;
        }
        let path = format!("{}/{}/maven-metadata.xml", GROUP.replace('.', "/"), deploy.artifact);
        let entry = format!("<version>{}</version></versions>", deploy.version);
        let published = if whole_metadata { self.request("GET", &path, b"")? } else { (404, String::new()) };
        let metadata = match published {
            (200, text) => text.replace("</versions>", &entry),
            _ => format!(
                "<metadata><groupId>{GROUP}</groupId><artifactId>{}</artifactId>\
                 <versioning><versions>{entry}</versioning></metadata>",
                deploy.artifact
            ),
        };
        self.put(&path, metadata.as_bytes())?;
        let sums = if whole_metadata { sums(&path, metadata.as_bytes()) } else { Vec::new() };
        sums.iter().try_for_each(|(path, sum)| self.put(path, sum))
    }
}

impl Deploy {
    fn new(artifact: String, number: u32) -> Self {
        let version = format!("1.{number}");
        let stem = format!("{}/{artifact}/{version}/{artifact}-{version}", GROUP.replace('.', "/"));
        let pom = format!(
            "<project><modelVersion>4.0.0</modelVersion><groupId>{GROUP}</groupId>\
             <artifactId>{artifact}</artifactId><version>{version}</version>\
             <description>{}</description></project>",
            "What a load of deploys is made of. ".repeat(40)
        );
        let mut files = Vec::new();
        for (path, body) in
            [(stem.clone() + ".jar", jar(&stem, JAR_BYTES)), (stem + ".pom", pom.into_bytes())]
        {
            let sums = sums(&path, &body);
            files.push((path, body));
            files.extend(sums);
        }
        Self { artifact, version, files }
    }
}

/// Bytes without a pattern, others for every name.
fn jar(name: &str, length: usize) -> Vec<u8> {
    let mut block = Digests::of(name.as_bytes()).sha512;
    let mut bytes = Vec::with_capacity(length + block.len());
    while bytes.len() < length {
        bytes.extend_from_slice(&block);
        block = Digests::of(&block).sha512;
    }
    bytes.truncate(length);
    bytes
}

fn sums(path: &str, body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let digests = Digests::of(body);
    let sum = |algorithm: Algorithm| {
        (format!("{path}.{}", algorithm.extension()), digests.hex(algorithm).into_bytes())
    };
    [Algorithm::Sha1, Algorithm::Md5].map(sum).into()
}

/// One client's deploys; returns when it began, when it ended, and how long each took.
fn run_client(
    plan: &Plan,
    number: usize,
    start: &Barrier,
) -> Result<(Instant, Instant, Vec<Duration>), Failure> {
    let artifact =
        if plan.clients == 1 { plan.artifact.clone() } else { format!("{}-{number}", plan.artifact) };
    let numbers = plan.first..plan.first + plan.count;
    let deploys: Vec<Deploy> = numbers.map(|number| Deploy::new(artifact.clone(), number)).collect();
    let client = Client::connect(plan);
    // Also after a failure, or the others would wait for ever.
    start.wait();
    let (mut client, began, mut times) = (client?, Instant::now(), Vec::new());
    for deploy in &deploys {
        let before = Instant::now();
        client.deploy(deploy, plan.whole_metadata)?;
        times.push(before.elapsed());
    }
    Ok((began, Instant::now(), times))
}

fn plan() -> Result<Plan, Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [port, user, artifact, clients, first, count, metadata] = &arguments[..] else {
        return Err("usage: deploy_load PORT USER ARTIFACT CLIENTS FIRST COUNT own|whole".into());
    };
    Ok(Plan {
        port: port.parse()?,
        user: user.clone(),
        token: env::var("LOGJAR_TOKEN")?,
        artifact: artifact.clone(),
        clients: clients.parse()?,
        first: first.parse()?,
        count: count.parse()?,
        whole_metadata: metadata == "whole",
    })
}

fn main() -> Result<(), Failure> {
    let plan = plan()?;
    let start = Barrier::new(plan.clients);
    let results: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..plan.clients)
            .map(|number| {
                let (plan, start) = (&plan, &start);
                scope.spawn(move || run_client(plan, number, start))
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap_or_else(|_| Err("a client panicked".into())))
            .collect::<Result<_, _>>()
    })?;
    let began = results.iter().map(|(began, ..)| *began).min().ok_or("no clients")?;
    let ended = results.iter().map(|(_, ended, _)| *ended).max().ok_or("no clients")?;
    let seconds = (ended - began).as_secs_f64();
    let times =
        results.iter().flat_map(|(.., times)| times).map(|time| format!("{:.3}", time.as_secs_f64() * 1e3));
    let times: Vec<String> = times.collect();
    writeln!(
        io::stdout(),
        r#"{{"deploys":{},"seconds":{seconds:.6},"milliseconds":[{}]}}"#,
        times.len(),
        times.join(",")
    )?;
    Ok(())
}
