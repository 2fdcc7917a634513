//! A real Chromium, told what to do through its driver (W3C WebDriver).

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::raw::Request;
use super::server::Credentials;
use super::{temporary_directory, wait};

/// The name of an element in answers (W3C WebDriver, section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys by the code points of W3C WebDriver, section 17.4.2.
pub const CONTROL: char = '\u{e009}';
pub const TAB: char = '\u{e004}';
pub const ENTER: char = '\u{e007}';

/// A name that leads to this machine, and that browsers do not trust: they give pages without TLS no clipboard.
pub const INSECURE_HOST: &str = "packages.example";

/// A browser with one window and nothing from before. It goes away with the value.
pub struct Browser {
    driver: Child,
    host: String,
    session: String,
    _profile: TempDir,
}

/// Whether pages may run scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scripts {
    On,
    Off,
}

/// How often chromedriver is started.
const STARTS: usize = 20;

/// Starts chromedriver; the port at which it listens. It takes a free port of IPv6, ends where something else has that of IPv4, and
/// takes another one when it is started again.
#[track_caller]
fn start_driver() -> (Child, u16) {
    for _ in 0..STARTS {
        let started = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut driver = started.expect("chromedriver starts: tests/setup installs it");
        let mut said = BufReader::new(driver.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let port = said.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        if let Some(port) = port {
            // it writes on, and must not wait for a reader
            std::thread::spawn(move || said.for_each(drop));
            return (driver, port);
        }
        _ = driver.wait();
    }
    panic!("chromedriver ends before it says its port");
}

impl Browser {
    /// A browser whose only network is this machine.
    #[track_caller]
    pub fn start() -> Self {
        let profile = temporary_directory();
        let (driver, port) = start_driver();
        let mut browser = Self { driver, host: format!("127.0.0.1:{port}"), session: String::new(), _profile: profile };
        let directory = browser._profile.path().display().to_string();
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--user-data-dir={directory}"),
            format!("--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
        ];
        let options = json!({ "args": arguments });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let session = browser.ask("POST", "/session", &wanted);
        browser.session = session["sessionId"].as_str().expect("a session has a name").to_owned();
        browser
    }

    /// From now on its window is so wide, and pages may run scripts or not.
    #[track_caller]
    pub fn prepare(&self, width: u32, scripts: Scripts) {
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.cdp("Emulation.setDeviceMetricsOverride", &metrics);
        self.cdp("Emulation.setScriptExecutionDisabled", &json!({ "value": scripts == Scripts::Off }));
    }

    /// Opens an address, and returns when it is loaded.
    #[track_caller]
    pub fn open(&self, address: &str) {
        self.post("url", &json!({ "url": address }));
    }

    /// Shows this document as if the address that is open had answered with it: a browser without a head shows no page that asks
    /// for a login.
    #[track_caller]
    pub fn show(&self, html: &str) {
        let frame = self.cdp("Page.getFrameTree", &json!({}))["frameTree"]["frame"]["id"].clone();
        self.cdp("Page.setDocumentContent", &json!({ "frameId": frame, "html": html }));
        let is_loaded = || (self.run("return document.readyState") == "complete").then_some(());
        wait::until("the document is shown", wait::BOUND, is_loaded);
    }

    /// The address that is open.
    #[track_caller]
    pub fn address(&self) -> String {
        self.get("url").as_str().unwrap_or_default().to_owned()
    }

    /// Clicks the one element of a CSS selector; waits until it is there. A link is followed to its end.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let element = self.element("css selector", selector);
        self.post(&format!("element/{element}/click"), &json!({}));
    }

    /// Clicks the first link with this text.
    #[track_caller]
    pub fn follow(&self, text: &str) {
        let element = self.element("link text", text);
        self.post(&format!("element/{element}/click"), &json!({}));
    }

    /// Types into the element of a selector.
    #[track_caller]
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.element("css selector", selector);
        self.post(&format!("element/{element}/value"), &json!({ "text": text }));
    }

    /// Presses a key while others are held.
    #[track_caller]
    pub fn press(&self, held: &[char], key: char) {
        let action = |kind: &str, key: char| json!({ "type": kind, "value": key });
        let downs = held.iter().chain([&key]).map(|key| action("keyDown", *key));
        let ups = [&key].into_iter().chain(held.iter().rev()).map(|key| action("keyUp", *key));
        let actions: Vec<Value> = downs.chain(ups).collect();
        self.post("actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }));
    }

    /// The text of the element of a selector, as it is to be seen.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        let element = self.element("css selector", selector);
        self.get(&format!("element/{element}/text")).as_str().unwrap_or_default().to_owned()
    }

    /// What the body of a function returns.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// What the promise gives that the body of a function returns.
    #[track_caller]
    pub fn run_to_end(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];\
             (async () => {{ {script} }})().then(value => done({{ value }}), error => done({{ error: String(error) }}));"
        );
        let said = self.post("execute/async", &json!({ "script": script, "args": [] }));
        assert!(said["error"].is_null(), "{}", said["error"]);
        said["value"].clone()
    }

    /// What is in the clipboard. It is asked on a page of the server at `base`, in a window of its own.
    #[track_caller]
    pub fn clipboard(&self, base: &str) -> String {
        let before = self.get("window");
        let other = self.post("window/new", &json!({ "type": "tab" }));
        self.post("window", &json!({ "handle": other["handle"] }));
        self.open(&format!("{base}/-/browse/keys"));
        self.cdp("Emulation.setFocusEmulationEnabled", &json!({ "enabled": true }));
        let permission = json!({ "descriptor": { "name": "clipboard-read" }, "state": "granted" });
        self.post("permissions", &permission);
        let text = self.run_to_end("return await navigator.clipboard.readText();");
        self.ask("DELETE", &format!("/session/{}/window", self.session), &Value::Null);
        self.post("window", &json!({ "handle": before }));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Sends these credentials with every request from now on, as a browser does after a login.
    #[track_caller]
    pub fn log_in(&self, credentials: &Credentials) {
        let pair = STANDARD.encode(format!("{}:{}", credentials.user, credentials.password));
        self.cdp("Network.enable", &json!({}));
        let headers = json!({ "headers": { "Authorization": format!("Basic {pair}") } });
        self.cdp("Network.setExtraHTTPHeaders", &headers);
    }

    /// Shows pages for people who prefer dark ones, or light ones.
    #[track_caller]
    pub fn prefer(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.cdp("Emulation.setEmulatedMedia", &features);
    }

    /// Writes the whole page as a PNG.
    #[track_caller]
    pub fn screenshot(&self, file: &Path) {
        let taken = self.cdp("Page.captureScreenshot", &json!({ "format": "png", "captureBeyondViewport": true }));
        let bytes = STANDARD.decode(taken["data"].as_str().expect("a picture")).expect("base64");
        super::write_file(file, bytes);
    }

    /// What pages have complained of since this was asked last: refused styles and scripts, files that are missing.
    #[track_caller]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.post("se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().into_iter().flatten();
        entries.filter_map(|entry| entry["message"].as_str().map(str::to_owned)).collect()
    }

    #[track_caller]
    fn element(&self, using: &str, value: &str) -> String {
        let what = json!({ "using": using, "value": value });
        wait::until(&format!("an element {value} on {}", self.address()), wait::BOUND, || {
            let found = self.post("elements", &what);
            found[0][ELEMENT].as_str().map(str::to_owned)
        })
    }

    /// A command of the Chrome DevTools Protocol.
    #[track_caller]
    fn cdp(&self, command: &str, parameters: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    #[track_caller]
    fn get(&self, command: &str) -> Value {
        self.ask("GET", &format!("/session/{}/{command}", self.session), &Value::Null)
    }

    #[track_caller]
    fn post(&self, command: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}/{command}", self.session), body)
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::new(method, path).header("Connection", "close");
        let request = request.header("Content-Type", "application/json; charset=utf-8");
        let answer = match body {
            Value::Null => request.send_to(&self.host),
            body => request.body(body.to_string()).send_to(&self.host),
        };
        let said = answer.text();
        assert_eq!(answer.status, 200, "{method} {path} {body:.2000}: {said}");
        serde_json::from_str::<Value>(&said).expect("the driver answers JSON")["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // the driver ends its browser with the session
        if !self.session.is_empty() {
            let session = format!("/session/{}", self.session);
            Request::new("DELETE", &session).header("Connection", "close").send_to(&self.host);
        }
        // one that has ended already is as good
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
