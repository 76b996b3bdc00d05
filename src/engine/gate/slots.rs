//! How many calls may be under way at once: as many as the user allows, fewer where the endpoint refuses them.

/// What of the calls that were under way may stay after a refusal.
const DECREASE: f64 = 0.85;

/// The calls under way to one endpoint.
#[derive(Debug)]
pub(super) struct Slots {
    most: f64,
    now: f64,
    in_flight: u32,
}

impl Slots {
    /// At most so many at once.
    pub(super) fn new(most: usize) -> Self {
        let most = f64::from(u32::try_from(most).unwrap_or(u32::MAX)).max(1.0);
        Self {
            most,
            now: most,
            in_flight: 0,
        }
    }

    /// Calls under way, the one that just began included.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Calls that may be under way at once as things stand.
    pub(super) fn allowed(&self) -> f64 {
        self.now.floor()
    }

    pub(super) fn has_room(&self) -> bool {
        f64::from(self.in_flight) < self.allowed()
    }

    pub(super) fn begin(&mut self) {
        self.in_flight += 1;
    }

    pub(super) fn end(&mut self) {
        self.in_flight -= 1;
    }

    /// A call was taken that was one of so many: one more in each round, as long as it is this number that holds back.
    pub(super) fn taken(&mut self, of: u32) {
        if f64::from(of) >= self.allowed() {
            self.now = (self.now + 1.0 / self.now).min(self.most);
        }
    }

    /// A call was refused that was one of so many; where it is the pace that holds back, it is not their number that was
    /// too much.
    pub(super) fn refused(&mut self, of: u32) {
        if f64::from(of) >= self.allowed() {
            self.now = (DECREASE * f64::from(of)).clamp(1.0, self.now);
        }
    }
}
