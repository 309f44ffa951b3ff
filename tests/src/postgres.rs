//! A real PostgreSQL for tests: started once per test process, one fresh database per test, gone
//! with the process however it ends.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use uuid::Uuid;

/// The oldest PostgreSQL that is supported, and the one of Debian 12.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// A test machine may be busy with compiling.
const PATIENCE: Duration = Duration::from_mins(1);
/// Stops PostgreSQL at once and removes its folder when standard input ends, that is when the
/// process holding the other end does. Then and only then: a test process that is killed cleans up
/// no other way.
const KEEPER: &str = r#"
"$@" &
pid=$!
cat >/dev/null
kill -QUIT "$pid" 2>/dev/null
wait "$pid"
if [ -n "$REMOVE" ]; then rm -rf "$REMOVE"; fi
"#;

/// A running PostgreSQL. Superuser `postgres` needs no password; the role `careful`, a superuser too,
/// needs `secret`.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    user: Option<u32>,
    port: u16,
    keeper: Option<Child>,
    databases: AtomicU32,
}

/// The PostgreSQL that all tests of this process share.
pub fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(|| Postgres::start().expect("PostgreSQL starts"))
}

impl Postgres {
    /// A PostgreSQL of the caller's own, to be stopped and started at will.
    pub fn start() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("telecom-postgres-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder)?;
        let user = unprivileged()?;
        if let Some(user) = user {
            chown(&folder, Some(user), None)?;
        }
        let mut postgres = Self {
            folder,
            user,
            port: free_port()?,
            keeper: None,
            databases: AtomicU32::new(0),
        };
        postgres.initialize()?;
        postgres.resume()?;
        postgres.sql(
            "postgres",
            "CREATE ROLE careful SUPERUSER LOGIN PASSWORD 'secret'",
        )?;
        Ok(postgres)
    }

    /// A standby of this one, following it.
    pub fn standby(&self) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("telecom-postgres-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder)?;
        if let Some(user) = self.user {
            chown(&folder, Some(user), None)?;
        }
        let mut standby = Self {
            folder,
            user: self.user,
            port: free_port()?,
            keeper: None,
            databases: AtomicU32::new(0),
        };
        let mut backup = standby.program("pg_basebackup");
        backup.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
        backup.arg("--dbname").arg(self.url("postgres"));
        backup.arg("--pgdata").arg(standby.data());
        run(backup)?;
        standby.resume()?;
        Ok(standby)
    }

    fn initialize(&self) -> Result<()> {
        let mut initdb = self.program("initdb");
        initdb.args([
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--no-sync",
        ]);
        run({
            initdb.arg("--pgdata").arg(self.data());
            initdb
        })?;
        let access = self.data().join("pg_hba.conf");
        let rules = std::fs::read_to_string(&access)?;
        let careful = "host all careful 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(&access, format!("{careful}{rules}"))?;
        // Lost tests are cheap: nothing has to be on the disk.
        let mut settings = std::fs::read_to_string(self.data().join("postgresql.conf"))?;
        for setting in [
            "fsync = off",
            "synchronous_commit = off",
            "full_page_writes = off",
            "max_connections = 300",
            "shared_buffers = 32MB",
            "listen_addresses = '127.0.0.1'",
        ] {
            writeln!(settings, "{setting}")?;
        }
        std::fs::write(self.data().join("postgresql.conf"), settings)?;
        Ok(())
    }

    /// Starts it again after [`Self::stop`], on the same port.
    pub fn resume(&mut self) -> Result<()> {
        // The keeper must not get the interrupts of a terminal: it outlives the tests by a moment.
        let log = std::fs::File::create(self.folder.join("log"))?;
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .args(self.command_line("postgres"))
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(&self.folder)
            .args(["-p", &self.port.to_string()])
            .env("REMOVE", &self.folder)
            .current_dir(&self.folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        self.keeper = Some(keeper);
        let begun = Instant::now();
        while self.sql("postgres", "SELECT 1").is_err() {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            ensure!(
                begun.elapsed() < PATIENCE,
                "PostgreSQL does not answer: {}",
                log()
            );
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Stops it, ending every session; the data stays. (Not as a crash would: without fsync, that
    /// would lose data that no real PostgreSQL loses.)
    pub fn stop(&mut self) -> Result<()> {
        let pid = std::fs::read_to_string(self.data().join("postmaster.pid"))?;
        let pid = pid.lines().next().context("a pid")?.to_owned();
        run({
            let mut kill = Command::new("kill");
            kill.args(["-INT", &pid]);
            kill
        })?;
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
            ensure!(begun.elapsed() < PATIENCE, "PostgreSQL does not stop");
            sleep(Duration::from_millis(10));
        }
        // The keeper waits for its input to end; letting it go now would remove the data.
        if let Some(mut keeper) = self.keeper.take() {
            keeper.kill()?;
            keeper.wait()?;
        }
        Ok(())
    }

    /// A fresh, empty database, and the URL to it.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.sql("postgres", &format!("CREATE DATABASE {name}"))
            .expect("a database can be created");
        self.url(&name)
    }

    /// The URL of a database, as superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A folder that the user PostgreSQL runs as can write to; gone with it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A program run as the user that PostgreSQL runs as.
    pub fn program(&self, name: &str) -> Command {
        let mut words = self.command_line(name).into_iter();
        let mut command = Command::new(words.next().expect("never empty"));
        command.args(words).current_dir(&self.folder);
        command
    }

    /// Runs SQL and gives what psql prints, unaligned and without headers.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = self.program("psql");
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"]);
        psql.args(["--set=ON_ERROR_STOP=1", "--dbname", &self.url(database)]);
        psql.args(["--command", sql]);
        run(psql)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command_line(&self, program: &str) -> Vec<String> {
        let path = Path::new(PROGRAMS).join(program);
        let path = if path.exists() {
            path
        } else {
            PathBuf::from(program)
        };
        let program = path.display().to_string();
        match self.user {
            None => vec![program],
            Some(user) => [
                "setpriv",
                &format!("--reuid={user}"),
                "--clear-groups",
                "--",
                &program,
            ]
            .map(str::to_owned)
            .into(),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn run(mut command: Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {errors}");
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// PostgreSQL refuses to run as root: then the user of Debian's package.
fn unprivileged() -> Result<Option<u32>> {
    let id = |args: &[&str]| -> Result<u32> {
        let mut command = Command::new("id");
        command.args(args);
        Ok(run(command)?.parse()?)
    };
    if id(&["-u"])? != 0 {
        return Ok(None);
    }
    id(&["-u", "postgres"])
        .map(Some)
        .context("package postgresql-15 is not installed")
}

/// A port that is free now.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
