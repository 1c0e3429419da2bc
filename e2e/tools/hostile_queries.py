"""Questions that nobody should ask: each gets a clear answer in time, in a form that parses, with nothing of the question
in it that a browser would run; and the server is there afterwards.

Usage: hostile_queries.py PORT

Some of the texts hold a tag and an attribute of a name that nothing else has, so that they are found in an answer that
did not escape them. Prints how many answers there were of each status, and the slowest. Ends with 1 and all complaints
if an answer has a status that is no answer to a reader's mistake, or does not parse.
"""

import collections
import contextlib
import html.parser
import json
import random
import socket
import sys
import time
import urllib.parse
import xml.etree.ElementTree

port = int(sys.argv[1])
ALLOWED = {200, 304, 400, 404, 406, 414, 431}
WANTED_S = 2
# Longer than that is wrong on any machine.
LATE_S = 15
MARK = "hostilemark"
TAG = f"<{MARK}>"
ATTRIBUTE = f"on{MARK}"
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
# Their end may be left out.
OPTIONAL = {"li", "dt", "dd", "p", "tr", "td", "th", "thead", "tbody", "option", "html", "head", "body"}

BREAKING_OUT = [
    f"<script>{TAG}</script>", f"\"><img src=x {ATTRIBUTE}=1>", f"' {ATTRIBUTE}='1", f"\" {ATTRIBUTE}=\"1", f"</title>{TAG}",
    f"</textarea>{TAG}", f"-->{TAG}", f"]]>{TAG}", f"</svg>{TAG}", f"&lt;{MARK}&gt;", f"&#60;{MARK}&#62;", f"\\u003c{MARK}>",
    f"<svg/{ATTRIBUTE}=1>", f"javascript:{MARK}", "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;",
]
OPERATORS = [
    "AND", "OR", "NOT", "test AND", "AND OR NOT", "ring OR", "+", "-", "!", "+-!", "- -", "&&", "||", "a && b || !c", "*", "**", "?",
    "*ring", "r*g", "ring~", "ring~0.5", "ring~999", "ring^4", "ring^-1", "\"a b\"~3", "\\", "\\\\", "ring\\", "/ring/", "^ring$",
    ".*", "[a-z]+", "(a+)+$", "(?i)ring", "\"", "\"\"", "\"\"\"", "'", "`", "(", ")", "()", ")(", "[", "]", "[]", "{", "}", "[a TO", "TO",
    "group:", ":", "::", ":a", "group::a", "group:(a", "group:\"a", "group:*", "group:(a OR (b AND", "nothing:a", "at:", "at:[", "at:[* TO *]",
    "at:[a TO b]", "at:[2020 TO", "at:[2020-99-99 TO *]", "at:[* TO 99999999999999999999999]", "at:[-1 TO 1e9]", "at:{* TO *}",
    "at:[2020-01-01T00:00:00+99:99 TO *]", "version:[1 TO 2]", "_content:a", "__proto__", "id:a:b:c:d:e:f:g",
]
FOREIGN = [
    "日本語", "кириллица", "עברית", "🚀", "👩‍💻", "ﬁ", "İ", "ß", "a\u0301", "\u202egnir", "\u200f", "\ufeff", "\ufffd", "\U0010ffff", "\u0000", "a\u0000b",
    "\u0001\u001f\u007f", "\r\nX-Evil: 1", "\t", "\u2028", "\u00a0", "𝕣𝕚𝕟𝕘", "Z̸̢͑a̵l̶g̷o", "\u0130" * 100,
]
INJECTIONS = [
    "'; DROP TABLE artifacts; --", "1 OR 1=1", "${jndi:ldap://127.0.0.1/a}", "{{7*7}}", "#{7*7}", "<%= 7*7 %>", "$(id)", "`id`", "| id",
    "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "....//", "/etc/passwd", "file:///etc/passwd", "C:\\Windows", "%", "%%", "%00", "%zz", "NaN", "null",
    "undefined", "true", "-0", "1e309", "0x7f", "NULL", "CON", ".", "..", "...", "/", "//", "a/b/c/d", "a:b:c:d", "a//b",
]
LONG = [
    "a" * 10_000, "ring " * 2_000, "a b " * 2_500, "(" * 5_000, "(" * 5_000 + "a" + ")" * 5_000, "[" * 5_000, "\"" * 5_000, "-" * 5_000 + "a",
    "NOT " * 2_000 + "a", "a OR " * 2_000 + "a", "a AND " * 1_500 + "a", "group:(" * 1_000 + "a", "a* " * 2_000, "at:[* TO *] " * 500, "日" * 3_300,
    "a:" * 5_000, "a/" * 5_000, "\\" * 5_000, "*" * 5_000, "a-b_c.d" * 1_400,
]
NUMBERS = [
    "-1", "0", "1", "2", "1.5", "1e9", "1000000000", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551616", "9" * 400,
    "NaN", "Infinity", "", " ", "+1", "01", "0x1", "a", "１", "1,2", "1;2", "null", "1%00", "-9223372036854775808",
]
FORMATS = ["json", "xml", "html", "JSON", "edn", "yaml", "csv", "", " ", "json,xml", "../json", TAG, "\u0000", "a" * 1_000, "json%00"]
PARAMETERS = [
    "", "q", "q=", "=", "&", "&&&", "q&q", "q=a&q=b", "q=a;q=b", "q[]=a", "q[a]=b", "q=%", "q=%f", "q=%zz", "q=%ff%fe", "q=%c0%80", "q=%ed%a0%80",
    "q=a%0d%0aX-Evil:%201", "Q=a", "q=a#b", "q=a?b", "q=a&format=json&format=xml", "q=a&page=1&page=2", "&".join(["q=a"] * 2_000),
    "&".join(f"p{number}=1" for number in range(3_000)), "a" * 60_000,
]
HEADERS = [
    "Accept: */*;q=NaN", "Accept: application/edn", "Accept: application/xml", "Accept: image/svg+xml", "Accept: nothing", "Accept: ", "Accept: ,,,;;;",
    "Accept: " + "a/b," * 3_000, "Accept-Encoding: gzip;q=0, *;q=9", "Accept-Language: ../..", "If-None-Match: *", "If-None-Match: \"", "If-None-Match: W/",
    "If-Modified-Since: yesterday", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT",
    "Range: bytes=0-0", "Range: bytes=9-1", "Range: bytes=-1,-2,-3", "Cookie: " + "a=b; " * 2_000, f"Referer: {TAG}", f"User-Agent: {TAG}",
    "X-Forwarded-For: " + "1.1.1.1, " * 2_000, "X-Forwarded-Host: evil.example", "Forwarded: for=\"[::1", "Origin: null", "Origin: evil.example",
    "Content-Type: text/xml", "Content-Length: 0", "Expect: 100-continue", "Upgrade: h2c", "Connection: upgrade", "TE: trailers",
    "X-Long: " + "a" * 50_000, "X-Longer: " + "a" * 500_000, "\r\n".join(f"X-{number}: a" for number in range(300)), "X-Raw: \xff\xfe", "No colon",
]


class Page(html.parser.HTMLParser):
    """Complains about what a browser would have to guess, and about what came through from the question."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.complaints = [], []

    def handle_starttag(self, tag, attributes):
        if MARK in tag or tag == "script" or any(MARK in name or name.startswith("on") for name, _ in attributes):
            self.complaints.append(f"it has {self.get_starttag_text()}")
        if any(name in ("href", "src", "action") and (value or "").strip().lower().startswith("javascript:") for name, value in attributes):
            self.complaints.append(f"it has a link that is a script: {self.get_starttag_text()}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in OPTIONAL:
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            self.complaints.append(f"it ends <{tag}>, which is not open")

    def finish(self):
        self.close()
        self.complaints += [f"it leaves <{tag}> open" for tag in self.open if tag not in OPTIONAL]
        return self.complaints


def questions():
    """Each request as path with parameters, and one more header."""
    texts = BREAKING_OUT + OPERATORS + FOREIGN + INJECTIONS + LONG
    numbers = random.Random(2013)
    texts += [bytes(numbers.randrange(256) for _ in range(numbers.randrange(1, 60))) for _ in range(40)]
    alphabet = "ab:*\"'()[]{}+-!~^/\\ .&|?TO AND OR NOT group: at:["
    texts += ["".join(numbers.choice(alphabet) for _ in range(numbers.randrange(1, 80))) for _ in range(80)]
    for text in texts:
        encoded = urllib.parse.quote(text, safe="")
        for path in ("/search?q=%s", "/search?format=json&q=%s", "/search?format=xml&q=%s", "/api/v1/search?q=%s", "/api/artifacts/%s",
                     "/api/artifacts/%s/%s", "/api/groups/%s", "/api/users/%s", "/%s/latest-version.svg", "/%s/%s/latest-version.svg",
                     "/%s/latest-version.json"):
            yield path.replace("%s", encoded), ""
    for number in NUMBERS:
        encoded = urllib.parse.quote(number, safe="%")
        for path in ("/search?q=hostile&page=", "/search?q=hostile&format=json&page=", "/search?q=hostile&format=xml&page=", "/api/v1/search?q=hostile&page=",
                     "/api/v1/search?q=hostile&limit=", "/api/v1/search?q=hostile&offset=", "/api/v1/recent?limit=", "/api/v1/recent?before="):
            yield path + encoded, ""
    for form in FORMATS:
        yield "/search?q=hostile&format=" + urllib.parse.quote(form, safe="%"), ""
    for parameters in PARAMETERS:
        for path in ("/search?", "/search?format=json&", "/search?format=xml&", "/api/v1/search?", "/?"):
            yield path + parameters, ""
    for header in HEADERS:
        for path in ("/", "/search?q=hostile", "/api/v1/search?q=hostile", "/api/artifacts/org.example/hostile", "/org.example/hostile/latest-version.svg"):
            yield path, header
    for path in ("/search?q=a b", "/search?q=\xff", "/search?q=\x01", "/search/", "//search?q=a", "/search/../search?q=a", "/%73earch?q=a", "/search%3fq=a",
                 "/api/", "/api/v1/", "/api/v1/search/", "/api/artifacts/", "/api/artifacts//", "/api/groups/", "/api/users/", "/api/artifacts/a/b/c",
                 "/latest-version.svg", "//latest-version.svg", "/a/b/c/latest-version.svg", "/api/artifacts/" + "a/" * 5_000):
        yield path, ""


def ask(path, header):
    """Status, head and body of the answer; a body has the length that the head says."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *([header] if header else [])]
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
        # What is too long is refused before all of it was read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while data := connection.recv(65536):
                received += data
    head, _, body = received.partition(b"\r\n\r\n")
    # Nobody asked to be told to go on.
    if head.startswith(b"HTTP/1.1 100"):
        head, _, body = body.partition(b"\r\n\r\n")
    head = head.decode("latin-1")
    if "transfer-encoding: chunked" in head.lower():
        body = unchunked(body)
    return int(head.split(" ", 2)[1]) if head else 0, head, body


def unchunked(rest):
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body, rest = body + rest[:length], rest[length + 2:]
    return body


def complaints_about(status, head, body):
    if status not in ALLOWED:
        return [f"the status is {status}" if status else "there is no answer"]
    kind = next((line.split(":", 1)[1].strip() for line in head.split("\r\n") if line.lower().startswith("content-type:")), "")
    if any(line.lower().startswith("x-evil") for line in head.split("\r\n")):
        return ["a header came out of the question"]
    if not body:
        return []
    try:
        text = body.decode()
        if "json" in kind and "transit" not in kind:
            json.loads(text)
        elif "html" in kind:
            page = Page()
            page.feed(text)
            return page.finish()
        elif "xml" in kind:
            for element in xml.etree.ElementTree.fromstring(text).iter():
                if MARK in element.tag or any(MARK in name for name in element.attrib):
                    return [f"it has <{element.tag}>"]
    except (ValueError, xml.etree.ElementTree.ParseError) as error:
        return [f"`{kind}` does not parse: {error}"]
    return []


def main():
    statuses, times, wrong = collections.Counter(), [], []
    for path, header in questions():
        began = time.monotonic()
        status, head, body = ask(path, header)
        took = time.monotonic() - began
        times.append((took, path[:100]))
        statuses[status] += 1
        asked = f"{path[:150]!r}" + (f" with {header[:60]!r}" if header else "")
        wrong += [f"{asked}: {complaint}" for complaint in complaints_about(status, head, body)]
        if took > LATE_S:
            wrong.append(f"{asked}: took {took:.1f} s")
    print(f"{len(times)} questions: " + ", ".join(f"{count} times {status}" for status, count in sorted(statuses.items())))
    times.sort(reverse=True)
    late = sum(seconds > WANTED_S for seconds, _ in times)
    print(f"{late} answers took more than {WANTED_S} s; the slowest:")
    for seconds, path in times[:5]:
        print(f"  {seconds:.3f} s  {path!r}")
    status, _, _ = ask("/health/ready", "")
    if status != 200:
        wrong.append(f"afterwards /health/ready says {status}")
    if wrong:
        sys.exit(f"{len(wrong)} answers are wrong:\n" + "\n".join(f"  {each}" for each in wrong[:60]))


main()
