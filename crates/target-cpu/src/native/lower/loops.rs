//! Loops over the vectors of a row, or over those of several rows side by side.

use super::*;

impl Lowering<'_> {
    /// The loops of sweeps, each with its steps, with as many constants in registers as there is room for. Of several
    /// sweeps, each is at a row of its own.
    pub(super) fn loops(&mut self, parts: &[(usize, Vec<Do>)], usual: bool) -> Result<(), Full> {
        let mut uses: HashMap<(usize, Value), usize> = HashMap::default();
        for (sweep, steps) in parts {
            let row = self.row_of(*sweep);
            for step in steps {
                let mut note = |value: Value| {
                    let value = Run::resolve(self.graph, usual, value);
                    if matches!(self.given[row][value.index()], Place::Word(_) | Place::Lanes(_)) {
                        // Constants are the same for all rows.
                        let own = row != 0
                            && self.given[row][value.index()] != self.given[0][value.index()];
                        *uses.entry((if own { row } else { 0 }, value)).or_default() += 1;
                    }
                };
                match *step {
                    Do::Compute(value) => operands(&self.graph.node(value)).for_each(note),
                    Do::Masked(choice, chosen) => {
                        operands(&self.graph.node(chosen)).for_each(&mut note);
                        note(self.graph.node(choice).of[2]);
                    }
                    Do::Store(value, _) | Do::Total(_, value) => note(value),
                    Do::Reload(..) | Do::Home(..) => {}
                }
            }
        }
        let mut often: Vec<((usize, Value), usize)> = uses.into_iter().collect();
        // Tables first: they cannot be spread from one word.
        often.sort_by_key(|&((row, value), count)| {
            let table = matches!(self.given[row][value.index()], Place::Lanes(_));
            (!table, std::cmp::Reverse(count), row, value)
        });
        for vectors in [4, 2, 1] {
            let mut most = often.len().min(28);
            loop {
                let mark = self.out.mark();
                let held: Vec<(usize, Value)> =
                    often[..most].iter().map(|&(held, _)| held).collect();
                match self.loops_with(parts, usual, vectors, &held, false) {
                    Ok(()) => return Ok(()),
                    Err(Full) => self.out.rewind(mark),
                }
                if most == 0 {
                    break;
                }
                most = most * 2 / 3;
            }
        }
        self.loops_with(parts, usual, 1, &[], true)
    }

    fn loops_with(
        &mut self,
        parts: &[(usize, Vec<Do>)],
        usual: bool,
        together: usize,
        held: &[(usize, Value)],
        spilling: bool,
    ) -> Result<(), Full> {
        let graph = self.graph;
        let mut given = self.given.clone();
        // Folds by the number of their part.
        let mut folds: Vec<(usize, usize, Value)> = Vec::new();
        for (part, (sweep, _)) in parts.iter().enumerate() {
            for (k, fold) in graph.folds.iter().enumerate() {
                let total = graph.nodes.iter().position(|node| node.op == Op::Total(k));
                if let Some(total) = total.filter(|_| self.sweep[fold.next.index()] == *sweep) {
                    folds.push((part, k, Value(total as u32)));
                }
            }
        }
        // Nothing is begun that cannot be finished: constants and totals stay in registers for the whole loop.
        let lanes = self.out.lanes();
        let kept = TOTALS / lanes;
        if held.len() + folds.len() * kept > self.out.vectors() {
            return Err(Full);
        }
        let rows: Vec<usize> = parts.iter().map(|(sweep, _)| self.row_of(*sweep)).collect();
        let mut fetched = Vec::new();
        for (sweep, steps) in parts {
            fetched.extend(self.ahead(*sweep, steps));
            fetched.extend(self.next_row(*sweep));
        }
        let (all, pointers) = (&self.chain.operands, &self.pointers);
        let out = &mut self.out;
        let mut run = Run::new(graph, Vec::new(), out, all, &pointers[rows[0]], usual);
        run.spilling = spilling;
        for &(row, value) in held {
            let register = run.vector()?;
            let place = given[row][value.index()];
            let (encoding, source, bytes) = match place {
                Place::Word(memory) => (BROADCAST, memory, 4),
                Place::Lanes(memory) => (MOVE, memory, run.out.width()),
                _ => return Err(Full),
            };
            run.out.vector(encoding, register, 0, Source::Whole(source), bytes, Masked::default());
            for places in &mut given {
                if places[value.index()] == place {
                    places[value.index()] = Place::Vector { register, pinned: true };
                }
            }
        }
        let mut totals: Vec<Vec<Vector>> = Vec::new();
        for &(_, fold, _) in &folds {
            let mut registers = Vec::new();
            for _ in 0..kept {
                let register = run.vector()?;
                fill(run.out, register, graph.folds[fold].folding.identity);
                registers.push(register);
            }
            totals.push(registers);
        }
        // A vector's places: those of all vectors, and the total that it goes to.
        let places_of = |part: usize, k: usize| {
            let mut places = given[rows[part]].clone();
            for (&(of, _, total), registers) in folds.iter().zip(&totals) {
                if of == part {
                    let register = registers[k % kept];
                    places[total.index()] = Place::Vector { register, pinned: true };
                }
            }
            places
        };
        let vectors = if folds.is_empty() { together } else { kept };
        let limit = argument(offset_of!(Arguments, limit));
        run.out.clear(AT);
        run.out.whole_groups(vectors * lanes, limit);
        run.out.compare(limit);
        let past = run.out.jump(When::NotBelow);
        let top = run.out.here();
        for first in (0..vectors).step_by(together) {
            for (part, (_, steps)) in parts.iter().enumerate() {
                let vectors = first..first + together;
                let mut places: Vec<Vec<Place>> = vectors.map(|k| places_of(part, k)).collect();
                run.pointers = &pointers[rows[part]];
                run.spilled = 0;
                run.interleaved(steps, false, first, &mut places)?;
            }
        }
        // Once a line of the caches, which is a vector of AVX-512.
        let fetch = |out: &mut Assembler, vectors: usize| {
            for k in (0..vectors).filter(|k| (k * lanes).is_multiple_of(LANES)) {
                for &Fetched { base, size, ahead, to } in &fetched {
                    let lines = (0..LANES * size).map(|byte| k * lanes * size + byte);
                    for line in lines.filter(|byte| byte.is_multiple_of(4 * LANES)) {
                        let offset = ahead + line as i32;
                        out.prefetch(Memory::Element { base, size, offset }, to);
                    }
                }
            }
        };
        fetch(run.out, vectors);
        run.out.advance((vectors * lanes) as i8);
        run.out.compare(limit);
        run.out.back(When::Below, top);
        run.out.land(past);
        // Whole vectors that are too few for a group need no mask, under which nothing can be written past the caches.
        if folds.is_empty() && vectors > 1 {
            run.out.whole_groups(lanes, limit);
            run.out.compare(limit);
            let past = run.out.jump(When::NotBelow);
            let top = run.out.here();
            for (part, (_, steps)) in parts.iter().enumerate() {
                run.pointers = &pointers[rows[part]];
                run.places = places_of(part, 0);
                run.steps(steps, false)?;
            }
            fetch(run.out, 1);
            run.out.advance(lanes as i8);
            run.out.compare(limit);
            run.out.back(When::Below, top);
            run.out.land(past);
        }
        // The rest of the row, vector by vector under a mask. Each goes to a total of its own.
        let mut ends = Vec::new();
        for k in 0..if folds.is_empty() { 1 } else { kept } {
            run.out.compare_length();
            ends.push(run.out.jump(When::NotBelow));
            if !run.out.narrow {
                run.out.mask_of_rest(REST);
            }
            for (part, (_, steps)) in parts.iter().enumerate() {
                run.pointers = &pointers[rows[part]];
                run.places = places_of(part, k);
                run.steps(steps, true)?;
            }
            run.out.advance(lanes as i8);
        }
        for end in ends {
            run.out.land(end);
        }
        let busy = totals.iter().flatten().fold(0, |busy, register| busy | 1u32 << register);
        for (&(part, fold, _), registers) in folds.iter().zip(totals) {
            self.join(rows[part], fold, &registers, busy)?;
        }
        Ok(())
    }
}
