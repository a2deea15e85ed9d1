//! The scheduler, on an engine in memory.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::fake::Fake;
use super::{ExecuteOptions, Jobs, Outcome, execute};
use crate::artifact::{Logins, Store};
use crate::config::Config;
use crate::diagnostic::Sources;
use crate::engine::Engine;
use crate::event::Event;
use crate::graph::Graph;
use crate::plan::{Action, Plan, PlanOptions, Present, PresentImage, Seal};
use crate::registry::Asked;
use crate::world::{Memory, World};

/// a <- b <- c, a <- d; all are checked and pushed.
const FAMILY: [(&str, &str); 4] = [("a", "alpine:3.13"), ("b", "a"), ("c", "b"), ("d", "a")];

fn graph() -> (Graph, Arc<dyn World>, Config) {
    let recipe = |base: &str| format!("base(\"{base}\");\nrun(\"true\");\ncheck(\"true\");\npush();");
    let world = FAMILY
        .iter()
        .fold(Memory::new(), |world, (name, base)| world.file(&format!("scripts/{name}.rhai"), recipe(base)));
    let world: Arc<dyn World> = Arc::new(world);
    let config = Config { registry: Some("r.example.com".parse().unwrap()), ..Config::default() };
    let family = crate::script::load(&world, &config, &Default::default(), &mut Sources::default()).unwrap();
    (Graph::new(family).unwrap(), world, config)
}

fn plan_options() -> PlanOptions {
    PlanOptions { seal: Some(Seal::new([7; 32])), ..PlanOptions::default() }
}

/// Plans and executes the family, twice the same way if asked twice.
async fn run(
    engine: &Fake,
    (jobs, options): (usize, ExecuteOptions),
    cancel: &CancellationToken,
) -> (Outcome, Vec<Event>) {
    let (graph, world, config) = graph();
    let present = engine.present().await.unwrap();
    let plan = Plan::new(&graph, &present, &*world, &config, &plan_options()).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let store = Store::open(cache.path(), &config, Logins::default()).unwrap();
    let (events, mut receiver) = mpsc::unbounded_channel();
    let jobs = Jobs::new(cancel.clone(), Some(jobs));
    let outcome = execute(engine, &store, &plan, &options, &events, &jobs).await;
    jobs.settle().await;
    drop(events);
    let mut heard = Vec::new();
    while let Some(event) = receiver.recv().await {
        heard.push(event);
    }
    (outcome, heard)
}

/// So many images at the same time, all of them pushed.
fn options(jobs: usize) -> (usize, ExecuteOptions) {
    (jobs, ExecuteOptions { push: true, ..ExecuteOptions::default() })
}

fn position(log: &[String], line: &str) -> usize {
    log.iter().position(|found| found == line).unwrap_or_else(|| panic!("`{line}` is not in {log:?}"))
}

#[tokio::test]
async fn parents_come_first_and_pushes_last_and_a_second_run_does_nothing() {
    let engine = Fake::default();
    let cancel = CancellationToken::new();
    let (outcome, events) = run(&engine, options(4), &cancel).await;
    assert_eq!((outcome.summary.built, outcome.summary.pushed, outcome.errors.len()), (4, 4, 0));
    assert!(matches!(events.last(), Some(Event::Finished(_))));
    let log = engine.log();
    for (child, parent) in [("b", "a"), ("c", "b"), ("d", "a")] {
        assert!(position(&log, &format!("built {parent}")) < position(&log, &format!("build {child}")), "{log:?}");
    }
    let first_push = log.iter().position(|line| line.starts_with("push")).unwrap();
    assert!(log[first_push..].iter().all(|line| !line.starts_with("build") && !line.starts_with("check")), "{log:?}");
    // b and d rest on a alone: they are built at the same time.
    assert!(position(&log, "build d") < position(&log, "built b"), "{log:?}");

    let (outcome, _) = run(&engine, options(4), &cancel).await;
    assert_eq!((outcome.summary.built, outcome.summary.up_to_date, outcome.summary.pushed), (0, 4, 0));
    assert_eq!(engine.log().len(), log.len());
}

#[tokio::test]
async fn jobs_limit_what_is_built_at_the_same_time() {
    let engine = Fake::default();
    run(&engine, options(1), &CancellationToken::new()).await;
    let mut building = 0;
    for line in engine.log() {
        building += i32::from(line.starts_with("build ")) - i32::from(line.starts_with("built "));
        assert!((0..=1).contains(&building), "{:?}", engine.log());
    }
}

#[tokio::test]
async fn a_failure_stops_the_run_and_cancels_what_builds() {
    let mut engine = Fake::default();
    engine.fails.insert("b".to_owned());
    engine.takes.insert("d".to_owned(), Duration::from_secs(3600));
    let (outcome, _) = run(&engine, options(4), &CancellationToken::new()).await;
    let summary = outcome.summary;
    assert_eq!((summary.built, summary.failed, summary.skipped, summary.pushed), (1, 1, 2, 0));
    assert!(!summary.interrupted);
}

#[tokio::test]
async fn keep_going_builds_other_branches_and_pushes_nothing() {
    let mut engine = Fake::default();
    engine.fails.insert("b".to_owned());
    let (jobs, options) = options(4);
    let options = ExecuteOptions { keep_going: true, ..options };
    let (outcome, _) = run(&engine, (jobs, options), &CancellationToken::new()).await;
    let summary = outcome.summary;
    assert_eq!((summary.built, summary.failed, summary.skipped, summary.pushed), (2, 1, 1, 0));
    assert!(engine.log().iter().all(|line| !line.starts_with("push")));
}

#[tokio::test]
async fn a_cancelled_run_ends_soon_and_says_so() {
    let mut engine = Fake::default();
    engine.takes.insert("a".to_owned(), Duration::from_secs(3600));
    let cancel = CancellationToken::new();
    let later = cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        later.cancel();
    });
    let (outcome, _) = run(&engine, options(2), &cancel).await;
    assert!(outcome.summary.interrupted);
    assert_eq!((outcome.summary.skipped, outcome.summary.failed, outcome.errors.len()), (4, 0, 0));
}

/// An engine on which pushes of `a` fail so often.
fn refusing(times: u32) -> Fake {
    let engine = Fake::default();
    engine.refuses.lock().unwrap().insert("r.example.com/a:latest".to_owned(), times);
    engine
}

#[tokio::test(start_paused = true)]
async fn pushes_are_tried_again_and_given_up_after_four_times() {
    let twice = refusing(2);
    let (outcome, events) = run(&twice, options(2), &CancellationToken::new()).await;
    assert_eq!((outcome.summary.pushed, outcome.errors.len()), (4, 0));
    assert_eq!(events.iter().filter(|event| matches!(event, Event::PushRetried { .. })).count(), 2);

    let always = refusing(99);
    let (outcome, _) = run(&always, options(1), &CancellationToken::new()).await;
    assert_eq!(outcome.errors.len(), 1);
    assert_eq!(always.log().iter().filter(|line| *line == "push r.example.com/a:latest").count(), 4);
    // The next run pushes what is left.
    assert!(outcome.summary.pushed < 4);
}

#[tokio::test(start_paused = true)]
async fn a_pull_that_is_tried_again_says_so() {
    let engine = Fake::default();
    engine.refuses.lock().unwrap().insert("alpine:3.13".to_owned(), 2);
    "come back later".clone_into(&mut engine.complaint.lock().unwrap());
    let (graph, _, config) = graph();
    let (events, mut receiver) = mpsc::unbounded_channel();
    let cancel = CancellationToken::new();
    let stock = crate::pipeline::stock(&engine, &graph, true, config.transfers, &events, &cancel).await.unwrap();
    assert!(stock.missing.is_empty());
    drop(events);
    let retried = |attempt: u32| Event::PullRetried {
        reference: "alpine:3.13".to_owned(),
        attempt,
        because: "come back later".to_owned(),
    };
    assert_eq!(receiver.recv().await, Some(retried(2)));
    assert_eq!(receiver.recv().await, Some(retried(3)));
    assert_eq!(receiver.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_push_survives_an_engine_that_restarts() {
    let away = |times| {
        let engine = Fake::default();
        *engine.away.lock().unwrap() = times;
        engine
    };
    let engine = away(40);
    let (outcome, events) = run(&engine, options(1), &CancellationToken::new()).await;
    assert_eq!((outcome.summary.pushed, outcome.errors.len()), (4, 0));
    let waits = |event: &Event| matches!(event, Event::PushRetried { because, .. } if because.contains("come back"));
    assert_eq!(events.iter().filter(|event| waits(event)).count(), 1);

    let (outcome, _) = run(&away(9999), options(1), &CancellationToken::new()).await;
    assert!(outcome.unreachable && outcome.summary.pushed == 0);
}

#[tokio::test(start_paused = true)]
async fn a_busy_registry_is_left_alone_for_longer() {
    let waits = async |complaint: &str| {
        let engine = refusing(3);
        complaint.clone_into(&mut engine.complaint.lock().unwrap());
        let start = tokio::time::Instant::now();
        let (outcome, _) = run(&engine, options(4), &CancellationToken::new()).await;
        assert_eq!((outcome.summary.pushed, outcome.errors.len()), (4, 0));
        start.elapsed().as_secs()
    };
    assert_eq!(waits("`r.example.com:429/a:1.429` was not pushed: 500").await, 3);
    assert_eq!(waits("toomanyrequests: too many requests").await, 17);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_keeps_nothing_of_what_it_took_is_a_failure() {
    let engine = Fake::default();
    engine.forgets.lock().unwrap().insert("r.example.com/a:latest".to_owned(), 2);
    let (outcome, _) = run(&engine, options(1), &CancellationToken::new()).await;
    assert_eq!((outcome.summary.pushed, outcome.errors.len()), (4, 0));
    assert_eq!(engine.log().iter().filter(|line| *line == "push r.example.com/a:latest").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_transfer_has_a_limit_in_all() {
    let (jobs, mut options) = options(1);
    options.transfers.timeout = crate::recipe::Timeout::of_seconds(3).unwrap();
    let (outcome, _) = run(&refusing(99), (jobs, options), &CancellationToken::new()).await;
    assert!(outcome.errors[0].message.contains("it has taken 3 s, which is its limit"), "{:?}", outcome.errors);
}

#[tokio::test]
async fn what_a_registry_lost_or_has_otherwise_is_found() {
    let engine = Fake::default();
    run(&engine, options(4), &CancellationToken::new()).await;
    let (graph, world, config) = graph();
    let mut present = engine.present().await.unwrap();
    for image in present.0.values_mut() {
        image.digests = ["a", "b", "c", "d"].iter().map(|name| format!("r.example.com/{name}@sha256:0")).collect();
    }
    let plan = Plan::new(&graph, &present, &*world, &config, &plan_options()).unwrap();
    let (events, _receiver) = mpsc::unbounded_channel();
    assert!(super::lost(&engine, &mut Asked::default(), false, (&plan, &present), &events).await.is_empty());
    engine.registry.lock().unwrap().remove("r.example.com/a:latest");
    engine.registry.lock().unwrap().insert("r.example.com/c:latest".to_owned(), "sha256:1".to_owned());
    let lost = super::lost(&engine, &mut Asked::default(), false, (&plan, &present), &events).await;
    let names: Vec<String> = lost.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["r.example.com/a:latest", "r.example.com/c:latest"]);
    let again = Plan::new(&graph, &present, &*world, &config, &PlanOptions { lost, ..plan_options() }).unwrap();
    let pushed: Vec<bool> = again.images.iter().map(|image| image.is_pushed).collect();
    assert_eq!(pushed.iter().filter(|pushed| **pushed).count(), 2);
    assert_eq!(again.count(Action::UpToDate), 4);
}

#[tokio::test(start_paused = true)]
async fn another_image_that_was_pushed_instead_is_no_push() {
    let moving = |times| {
        let engine = Fake::default();
        engine.moves.lock().unwrap().insert("r.example.com/a:latest".to_owned(), times);
        engine
    };
    let pushes = |engine: &Fake| engine.log().iter().filter(|line| *line == "push r.example.com/a:latest").count();
    let thrice = moving(3);
    let (outcome, _) = run(&thrice, options(1), &CancellationToken::new()).await;
    assert_eq!((outcome.summary.pushed, pushes(&thrice)), (4, 4));
    // Each push follows a tag of its own.
    let tags = thrice.log().iter().filter(|line| *line == "tag r.example.com/a:latest").count();
    assert_eq!(tags, 1 + 4);

    let always = moving(99);
    let (outcome, _) = run(&always, options(1), &CancellationToken::new()).await;
    assert_eq!((outcome.errors.len(), pushes(&always)), (1, 8));
    // It is not taken for pushed.
    always.moves.lock().unwrap().clear();
    let (outcome, _) = run(&always, options(1), &CancellationToken::new()).await;
    assert_eq!((outcome.errors.len(), pushes(&always)), (0, 9));

    // A reference that is removed is moved, too: one limit for both.
    let mixed = moving(99);
    mixed.removes.lock().unwrap().insert("r.example.com/a:latest".to_owned(), 5);
    let (outcome, _) = run(&mixed, options(1), &CancellationToken::new()).await;
    assert_eq!((outcome.errors.len(), pushes(&mixed)), (1, 8));
    assert!(outcome.errors[0].message.contains("or removes it"), "{:?}", outcome.errors);
}

#[tokio::test]
async fn an_image_that_somebody_brought_under_an_internal_name_is_built_again() {
    let engine = Fake::default();
    run(&engine, options(4), &CancellationToken::new()).await;
    let (graph, world, config) = graph();
    let plan = |present: &Present| Plan::new(&graph, present, &*world, &config, &plan_options()).unwrap();
    let present = engine.present().await.unwrap();
    let internal = plan(&present).images[0].internal.to_string();
    let foreign = PresentImage { id: "foreign".to_owned(), digests: Vec::new(), size: 1 };
    // All names that it can bear, marks included.
    let names: Vec<String> =
        present.0.iter().filter(|(_, image)| *image == &present.0[&internal]).map(|(name, _)| name.clone()).collect();
    let mut brought = present.clone();
    for name in names {
        brought.insert(&name, foreign.clone());
    }
    let planned = plan(&brought);
    assert_eq!(planned.images[0].reason, "the image of that name was not built by you");
    assert_eq!((planned.images[0].action, planned.images[0].is_pushed), (Action::Build, false));
    // What f3s itself built on the true one is still what it says.
    assert_eq!(planned.count(Action::UpToDate), 3);
    // Another user's key knows nothing of it either.
    let other = PlanOptions { seal: Some(Seal::new([8; 32])), ..PlanOptions::default() };
    let planned = Plan::new(&graph, &present, &*world, &config, &other).unwrap();
    assert_eq!(planned.count(Action::Build), 4);
}

/// Rounds of watch mode: plans of one session, each with a version of `a`.
struct Rounds {
    engine: Fake,
    store: Store,
    jobs: Jobs,
    _cache: tempfile::TempDir,
}

impl Rounds {
    fn new(engine: Fake) -> Rounds {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path(), &Config::default(), Logins::default()).unwrap();
        let jobs = Jobs::new(CancellationToken::new(), Some(4));
        Rounds { engine, store, jobs, _cache: cache }
    }

    /// `a` says this, `b` rests on nothing of it.
    async fn plan(&self, word: &str) -> Plan {
        let recipe = |name: &str, word: &str| format!("base(\"alpine:3.13\");\nrun(\"echo {name} {word}\");\npush();");
        let world =
            Memory::new().file("scripts/a.rhai", recipe("a", word)).file("scripts/b.rhai", recipe("b", "steady"));
        let world: Arc<dyn World> = Arc::new(world);
        let config = Config { registry: Some("r.example.com".parse().unwrap()), ..Config::default() };
        let family = crate::script::load(&world, &config, &Default::default(), &mut Sources::default()).unwrap();
        let present = self.engine.present().await.unwrap();
        Plan::new(&Graph::new(family).unwrap(), &present, &*world, &config, &plan_options()).unwrap()
    }

    fn start(&self, plan: Plan) -> tokio::task::JoinHandle<Outcome> {
        let (engine, store, jobs) = (self.engine.clone(), self.store.clone(), self.jobs.clone());
        tokio::spawn(async move {
            let (events, _receiver) = mpsc::unbounded_channel();
            let options = ExecuteOptions { keep_going: true, push: true, ..ExecuteOptions::default() };
            execute(&engine, &store, &plan, &options, &events, &jobs).await
        })
    }

    fn tags_of_a(&self) -> usize {
        self.engine.log().iter().filter(|line| *line == "tag r.example.com/a:latest").count()
    }
}

#[tokio::test(start_paused = true)]
async fn rounds_share_what_both_want_and_end_what_none_wants() {
    let mut engine = Fake::default();
    engine.takes.insert("a".to_owned(), Duration::from_secs(20));
    engine.takes.insert("b".to_owned(), Duration::from_secs(10));
    let rounds = Rounds::new(engine);
    let mut superseded: Option<tokio::task::JoinHandle<Outcome>> = None;
    // Three versions of `a`, each before the one before is done; `b` is the same throughout.
    for word in ["one", "two", "three"] {
        let plan = rounds.plan(word).await;
        rounds.jobs.keep_only(Some(&plan));
        if let Some(round) = superseded.take() {
            round.abort();
        }
        superseded = Some(rounds.start(plan));
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    let outcome = superseded.unwrap().await.unwrap();
    assert_eq!((outcome.summary.built, outcome.summary.pushed, outcome.errors.len()), (2, 2, 0));
    rounds.jobs.settle().await;
    let log = rounds.engine.log();
    let count = |line: &str| log.iter().filter(|found| *found == line).count();
    // Only the last version was built and tagged to its end; `b` was built once.
    assert_eq!((count("build a"), count("built a"), count("build b"), count("built b")), (3, 1, 1, 1), "{log:?}");
    // Once after the build, once before the push.
    assert_eq!(rounds.tags_of_a(), 2, "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn a_round_that_was_robbed_of_an_image_pushes_nothing() {
    let mut engine = Fake::default();
    engine.takes.insert("a".to_owned(), Duration::from_secs(20));
    let rounds = Rounds::new(engine);
    let plan = rounds.plan("one").await;
    let round = rounds.start(plan);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let next = rounds.plan("two").await;
    rounds.jobs.keep_only(Some(&next));
    let outcome = round.await.unwrap();
    assert_eq!((outcome.summary.built, outcome.summary.skipped, outcome.summary.pushed), (1, 1, 0));
    assert!(rounds.engine.log().iter().all(|line| !line.starts_with("push")));
}
