//! The critical path: for each moment of a span, the one span at work that its end waited for. Walked from the end: of
//! the spans that hang under one and have ended by now, the last to end is what was waited for; before that one began,
//! the next. What no child accounts for is the span's own. The stretches cover the span once, without a gap.

use std::cmp::Reverse;

use super::Trace;

/// A stretch of the critical path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The span at work, by its index.
    pub span: usize,
    /// From this moment, in nanoseconds of the trace's clock.
    pub from: u64,
    /// To this one.
    pub to: u64,
}

impl Stretch {
    /// Its length, in nanoseconds.
    pub fn length(&self) -> u64 {
        self.to - self.from
    }
}

/// The critical path of the span at `root`, in order of time. A child counts only within its parent's time.
pub fn critical_path(trace: &Trace, root: usize) -> Vec<Stretch> {
    let Some(span) = trace.spans.get(root) else { return Vec::new() };
    let mut stretches = Vec::new();
    // A window of a span that is still to be walked, from its end. Not recursive: a trace may be as deep as it is long.
    let mut open = vec![Window::new(trace, root, (span.start, span.end.max(span.start)))];
    while let Some(window) = open.last_mut() {
        match window.step(trace) {
            Step::Own(stretch) => stretches.push(stretch),
            Step::Into(child, within) => open.push(Window::new(trace, child, within)),
            Step::Done => drop(open.pop()),
        }
    }
    stretches.retain(|stretch| stretch.from < stretch.to);
    stretches.reverse();
    stretches
}

struct Window {
    span: usize,
    from: u64,
    to: u64,
    /// Up to here the window is walked, from its end.
    cursor: u64,
    /// Children, the last to end on top.
    children: Vec<usize>,
    /// The child that comes after what is told of the span itself.
    next: Option<(usize, (u64, u64))>,
}

enum Step {
    Own(Stretch),
    Into(usize, (u64, u64)),
    Done,
}

impl Window {
    fn new(trace: &Trace, span: usize, (from, to): (u64, u64)) -> Self {
        let mut children = trace.children(span).to_vec();
        // On top: the last to end; of several the longest, so that the others lie within it.
        children.sort_by_key(|&child| (trace.spans[child].end, Reverse(trace.spans[child].start)));
        Self { span, from, to, cursor: to, children, next: None }
    }

    fn step(&mut self, trace: &Trace) -> Step {
        if let Some((child, within)) = self.next.take() {
            self.cursor = within.0;
            return Step::Into(child, within);
        }
        while let Some(child) = self.children.pop() {
            let (start, end) = (trace.spans[child].start.max(self.from), trace.spans[child].end.min(self.to));
            // It was still at work when what was waited for began, or took no time: nothing waited for it.
            if end > self.cursor || start >= end {
                continue;
            }
            let own = Stretch { span: self.span, from: end, to: self.cursor };
            self.next = Some((child, (start, end)));
            return Step::Own(own);
        }
        if self.cursor == self.from {
            return Step::Done;
        }
        let own = Stretch { span: self.span, from: self.from, to: self.cursor };
        self.cursor = self.from;
        Step::Own(own)
    }
}
