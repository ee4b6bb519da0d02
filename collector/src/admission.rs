//! Bounds the bytes of all requests that are being received and not yet answered.
//!
//! A request reserves bytes as they arrive, so one that announces much and sends little holds little. When nothing is
//! left it waits a moment before it is refused: most SDKs do not send a refused batch again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::IngestError;

#[derive(Clone, Debug)]
pub(crate) struct Admission {
    bytes: Arc<Semaphore>,
    bytes_max: usize,
    wait: Duration,
}

/// Gives its bytes back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    admission: Admission,
    permit: Option<OwnedSemaphorePermit>,
}

impl Admission {
    /// `wait`: how long a request waits for others to end before it is refused.
    pub(crate) fn new(bytes_max: usize, wait: Duration) -> Self {
        Self { bytes: Arc::new(Semaphore::new(bytes_max)), bytes_max, wait }
    }

    pub(crate) fn reserve_nothing_yet(&self) -> Reservation {
        Reservation { admission: self.clone(), permit: None }
    }

    /// Bytes reserved at the moment.
    pub(crate) fn reserved(&self) -> usize {
        self.bytes_max.saturating_sub(self.bytes.available_permits())
    }

    fn busy(&self) -> IngestError {
        IngestError::Busy(format!("requests of {} bytes are being received: too many at once", self.bytes_max))
    }
}

impl Reservation {
    /// Reserves `bytes` more. Error: [`IngestError::Busy`] after the wait.
    pub(crate) async fn grow(&mut self, bytes: usize) -> Result<(), IngestError> {
        if self.try_grow(bytes).is_ok() {
            return Ok(());
        }
        let acquire = Arc::clone(&self.admission.bytes).acquire_many_owned(permits(bytes)?);
        match tokio::time::timeout(self.admission.wait, acquire).await {
            Ok(Ok(permit)) => self.add(permit),
            Ok(Err(_)) | Err(_) => return Err(self.admission.busy()),
        }
        Ok(())
    }

    /// For blocking threads: does not wait.
    pub(crate) fn try_grow(&mut self, bytes: usize) -> Result<(), IngestError> {
        let permit = Arc::clone(&self.admission.bytes).try_acquire_many_owned(permits(bytes)?);
        self.add(permit.map_err(|_| self.admission.busy())?);
        Ok(())
    }

    /// Gives `bytes` back, at most what is held.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        if let Some(permit) = &mut self.permit {
            drop(permit.split(bytes.min(permit.num_permits())));
        }
    }

    fn add(&mut self, permit: OwnedSemaphorePermit) {
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
    }
}

fn permits(bytes: usize) -> Result<u32, IngestError> {
    u32::try_from(bytes).map_err(|_| IngestError::TooLarge(format!("{bytes} bytes at once")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_waits_for_another_to_end_and_is_refused_when_none_does() {
        let admission = Admission::new(100, Duration::from_millis(50));
        let mut first = admission.reserve_nothing_yet();
        first.grow(60).await.expect("empty");
        first.grow(20).await.expect("room left");
        let mut second = admission.reserve_nothing_yet();
        assert!(matches!(second.grow(30).await, Err(IngestError::Busy(_))));
        assert_eq!(admission.reserved(), 80);

        // Polled first, so it is waiting when the other gives back.
        let (second_grew, ()) = tokio::join!(second.grow(30), async { first.shrink(50) });
        second_grew.expect("room after the first gave back");
        assert_eq!(admission.reserved(), 60);
        drop((first, second));
        assert_eq!(admission.reserved(), 0);
    }
}
