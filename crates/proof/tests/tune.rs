//! `tune` keeps the fastest schedule whose results are those of the default one.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use tilewright_ir::{Access, Bindings, DType, ParamKind, Program};
use tilewright_kernels::{Case, find};
use tilewright_proof::{Bench, Budget, Outputs, Tuning, tune};
use tilewright_runtime::{HostBuffer, Runtime};
use tilewright_target::{Argument, Buffer, Caps, Chosen, Device, Executable, TargetError};

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

fn tuned(kernel: &str, case: &Case, gradient: bool, ways: &'static [Way]) -> Tuning {
    let device = Runtime::open("cpu").unwrap().device().clone();
    let runtime = Arc::new(Runtime::new("scheduled", Arc::new(Scheduled { device, ways })));
    let entry = find(kernel).unwrap();
    let prepare = if gradient { Bench::gradient } else { Bench::new };
    let mut bench = prepare(&runtime, entry, case, DType::F32, Outputs::Preallocated).unwrap();
    let budget = Budget { runs: 5, time: Duration::ZERO };
    tune(&runtime, &mut bench, budget).unwrap()
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
