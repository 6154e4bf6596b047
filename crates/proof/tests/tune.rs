//! `tune` keeps the fastest schedule whose results are those of the default one.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tilewright_ir::{Access, Bindings, DType, ParamKind, Program};
use tilewright_kernels::{Case, find};
use tilewright_proof::{Bench, Budget, Outputs, Tuning, normal, tune, tune_call};
use tilewright_runtime::{HostBuffer, Runtime};
use tilewright_target::{Argument, Buffer, Caps, Chosen, Device, Executable, TargetError};
use tilewright_tensor::{Callable, Tensor, elementwise, tile_kernel};

/// How a schedule changes the elements that the device wrote.
type Change = fn(element: usize, value: f32) -> f32;

/// A schedule that is slow or not, and right or not.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    slow: bool,
    /// `None` writes nothing at all.
    change: Option<Change>,
}

const DEFAULT: Way = Way { name: "default", slow: true, change: Some(|_, x| x) };

thread_local! {
    /// The schedules of this thread's launches.
    static LAUNCHED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// The CPU with schedules that are made up.
struct Scheduled {
    device: Arc<dyn Device>,
    ways: &'static [Way],
}

struct Executed {
    inner: Arc<dyn Executable>,
    program: Program,
    ways: &'static [Way],
    chosen: Mutex<Way>,
}

impl Executable for Executed {
    unsafe fn launch(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<(), TargetError> {
        let way = *self.chosen.lock().unwrap();
        LAUNCHED.with_borrow_mut(|launched| launched.push(way.name));
        if way.slow {
            std::thread::sleep(Duration::from_millis(2));
        }
        let Some(change) = way.change else { return Ok(()) };
        // SAFETY: the caller's promise.
        unsafe { self.inner.launch(bindings, arguments) }?;
        for (i, (param, argument)) in self.program.params.iter().zip(arguments).enumerate() {
            let ParamKind::Tensor { access, dtype: DType::F32, .. } = param.kind else { continue };
            let (Access::Out | Access::InOut, Argument::Tensor(region)) = (access, argument) else {
                continue;
            };
            let count = bindings.shapes[i].iter().product();
            let memory = region.buffer.host().expect("the CPU's memory").cast::<f32>().as_ptr();
            // SAFETY: an output of so many elements, which nobody else uses during the launch.
            let elements = unsafe { std::slice::from_raw_parts_mut(memory, count) };
            for (i, x) in elements.iter_mut().enumerate() {
                *x = change(i, *x);
            }
        }
        Ok(())
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn schedules(&self, _: &Bindings) -> Vec<String> {
        self.ways.iter().map(|way| way.name.to_string()).collect()
    }

    fn choose(&self, _: &Bindings, schedule: &str) -> Result<Option<Chosen>, TargetError> {
        *self.chosen.lock().unwrap() = *self.ways.iter().find(|w| w.name == schedule).unwrap();
        Ok(Some(Chosen { bucket: self.program.name.clone(), source: 1 }))
    }
}

impl Device for Scheduled {
    fn caps(&self) -> &Caps {
        self.device.caps()
    }

    fn compile(&self, program: &Program) -> Result<Arc<dyn Executable>, TargetError> {
        Ok(Arc::new(Executed {
            inner: self.device.compile(program)?,
            program: program.clone(),
            ways: self.ways,
            chosen: Mutex::new(self.ways[0]),
        }))
    }

    fn allocate(&self, bytes: usize) -> Result<Box<dyn Buffer>, TargetError> {
        Ok(Box::new(HostBuffer::new(bytes)?))
    }

    fn synchronize(&self) -> Result<(), TargetError> {
        Ok(())
    }
}

fn scheduled(ways: &'static [Way]) -> Arc<Runtime> {
    let device = Runtime::open("cpu").unwrap().device().clone();
    Arc::new(Runtime::new("scheduled", Arc::new(Scheduled { device, ways })))
}

const BUDGET: Budget = Budget { runs: 5, time: Duration::ZERO };

fn tuned(kernel: &str, case: &Case, gradient: bool, ways: &'static [Way]) -> Tuning {
    let runtime = scheduled(ways);
    let entry = find(kernel).unwrap();
    let prepare = if gradient { Bench::gradient } else { Bench::new };
    let mut bench = prepare(&runtime, entry, case, DType::F32, Outputs::Preallocated).unwrap();
    tune(&runtime, &mut bench, BUDGET).unwrap()
}

const WAYS: &[Way] = &[
    DEFAULT,
    Way { name: "another order", slow: false, change: Some(|_, x| x * (1.0 + f32::EPSILON)) },
    Way {
        name: "a wrong element",
        slow: false,
        change: Some(|i, x| if i == 7 { x + 0.01 } else { x }),
    },
    Way { name: "nothing", slow: false, change: None },
    Way { name: "slower", slow: true, change: Some(|_, x| x) },
];

#[test]
fn what_gives_other_results_is_dropped_and_told() {
    let case = Case::of(&[("rows", 5), ("cols", 300)]);
    for gradient in [false, true] {
        let tuning = tuned("softmax", &case, gradient, WAYS);
        let [row] = &tuning.rows[..] else { panic!("{tuning:?}") };
        assert_eq!(row.schedule, "another order");
        let timed: Vec<&str> = row.timings.iter().map(|t| t.schedule.as_str()).collect();
        assert_eq!(timed, ["default", "another order", "slower"]);
        let dropped: Vec<&str> = tuning.dropped.iter().map(|d| d.schedule.as_str()).collect();
        assert_eq!(dropped, ["a wrong element", "nothing"]);
        let output = if gradient { "`d_x`" } else { "`y`" };
        let why = &tuning.dropped[0].why;
        assert!(why.starts_with(output) && why.contains("element 7"), "{why}");
    }
}

#[test]
fn what_is_updated_in_place_is_compared_from_the_same_state() {
    const WAYS: &[Way] = &[DEFAULT, Way { slow: false, name: "fast", ..DEFAULT }];
    let tuning = tuned("adamw_step", &Case::of(&[("n", 100)]), false, WAYS);
    assert_eq!((tuning.rows[0].schedule.as_str(), tuning.dropped.len()), ("fast", 0));
}

/// Of one row there is nothing to hold its sum against but how far it moves with what was added.
#[test]
fn a_sum_that_cancels_may_be_off_by_what_it_adds() {
    const SUM: &[Way] = &[
        DEFAULT,
        Way { name: "rounded", slow: false, change: Some(|_, x| x + 1e-5) },
        Way { name: "wrong", slow: false, change: Some(|_, x| x + 0.1) },
    ];
    for cols in 50..150 {
        let sizes = Box::leak(Box::new([("rows", 1), ("cols", cols)]));
        let tuning = tuned("sum", &Case::of(sizes), false, SUM);
        let names: Vec<&str> = tuning.dropped.iter().map(|d| d.schedule.as_str()).collect();
        assert_eq!(names, ["wrong"], "{cols}: {tuning:?}");
    }
}

#[test]
fn a_schedule_far_from_the_fastest_is_timed_no_longer() {
    LAUNCHED.take();
    let tuning = tuned("softmax", &Case::of(&[("rows", 5), ("cols", 300)]), false, WAYS);
    let launched = LAUNCHED.take();
    let count = |name: &str| launched.iter().filter(|n| **n == name).count();
    // One run each is compared, one warms up; of the others three suffice for what is slow.
    assert_eq!((count("another order"), count("slower")), (2 + 5, 2 + 3));
    // The default stays beside the fastest, to be compared with it.
    assert!(count("default") >= 2 + 5);
    let timed: Vec<&str> = tuning.rows[0].timings.iter().map(|t| t.schedule.as_str()).collect();
    assert_eq!(timed, ["default", "another order", "slower"]);
}

/// A large result is compared in parts, on all cores.
#[test]
fn one_wrong_element_among_many_is_found_wherever_it_is() {
    const LAST: &[Way] = &[
        DEFAULT,
        Way { name: "rounded", slow: false, change: Some(|_, x| x * (1.0 + f32::EPSILON)) },
        Way {
            name: "wrong",
            slow: false,
            change: Some(|i, x| if i == 299_999 { x + 1.0 } else { x }),
        },
    ];
    for (rows, cols) in [(1, 300_000), (300, 1000), (300_000, 1)] {
        let sizes = Box::leak(Box::new([("rows", rows), ("cols", cols)]));
        let tuning = tuned("layernorm", &Case::of(sizes), false, LAST);
        let [dropped] = &tuning.dropped[..] else { panic!("{rows}x{cols}: {tuning:?}") };
        assert!(dropped.why.contains("element 299999"), "{}", dropped.why);
        assert!(dropped.why.contains("(1 elements are outside)"), "{}", dropped.why);
    }
}

#[test]
fn calls_of_formulas_and_of_kernels_of_ones_own_are_tuned_as_well() {
    let of = |callable: &Callable, tensors: &[(&str, &Tensor)], scalar: Option<(&str, f64)>| {
        let callable = callable.on(&scheduled(WAYS));
        let mut call = callable.bind();
        for (name, tensor) in tensors {
            call = call.input(name, tensor);
        }
        if let Some((name, value)) = scalar {
            call = call.scalar(name, value);
        }
        tune_call(call, BUDGET).unwrap()
    };
    let x = normal(DType::F32, &[6, 50], 0).unwrap();
    let row = normal(DType::F32, &[50], 1).unwrap();
    let turned = normal(DType::F32, &[50, 6], 2).unwrap().transpose().unwrap();

    let scale = tile_kernel("scale", "x: T[*rows, n], by: f32 -> y: T[*rows, n]", |k, a| {
        let row = k.program();
        a["y"].row(row).store(a["x"].row(row).load() * a.scalar("by"));
    })
    .unwrap();
    let formula = elementwise("exp(x) * row").unwrap();
    let gradient = formula.grad().unwrap();
    let all = [("x", &x), ("row", &row), ("d_out", &x)];
    for (tuning, programs) in [
        (of(&scale, &[("x", &x)], Some(("by", 3.0))), 1),
        (of(&scale, &[("x", &turned)], Some(("by", -0.5))), 1),
        (of(&formula, &all[..2], None), 1),
        (of(&gradient, &all, None), tuning_of(&gradient, &all)),
    ] {
        assert_eq!(tuning.rows.len(), programs);
        for row in &tuning.rows {
            assert_eq!(row.schedule, "another order", "{tuning:?}");
        }
        let dropped: Vec<&str> = tuning.dropped.iter().map(|d| d.schedule.as_str()).collect();
        assert_eq!(dropped, ["a wrong element", "nothing"].repeat(programs));
    }
}

/// The programs that a call starts.
fn tuning_of(callable: &Callable, tensors: &[(&str, &Tensor)]) -> usize {
    let mut call = callable.bind();
    for (name, tensor) in tensors {
        call = call.input(name, tensor);
    }
    call.run_traced().unwrap().1.len()
}
