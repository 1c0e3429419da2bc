//! How much a token may have under way: checked before a body arrives, and again while a body of unknown length
//! arrives.

use logjar_domain::open_deploy::Held;
use logjar_domain::open_deploy::rejection::DeployRejection;
use logjar_domain::open_deploy::request::Put;
use logjar_domain::open_deploy::step::Effect;

use super::{DeployError, Deploys, Upload, protocol_now};

impl Upload {
    /// Reports how large the body is, or has become. To be called once before any of it is read, and again before it
    /// grows beyond what was reported.
    ///
    /// # Errors
    /// That the token has too much under way; the PUT must then be refused with [`Deploys::refuse`].
    pub async fn expect(&mut self, bytes: u64) -> Result<(), DeployError> {
        self.deploys.make_room(&self.put, bytes, self.expected).await?;
        self.expected = bytes;
        Ok(())
    }

    /// The reported size of the body.
    pub fn expected(&self) -> u64 {
        self.expected
    }
}

impl Deploys {
    /// Makes room for a body of `bytes` bytes, including the `before` that were granted to it earlier. The token's
    /// oldest quiet deploys are dropped first.
    async fn make_room(&self, put: &Put, bytes: u64, before: u64) -> Result<(), DeployError> {
        let (effects, result) = self.ask_for_room(put, bytes, before);
        self.clear_up(effects).await;
        Ok(result?)
    }

    fn ask_for_room(&self, put: &Put, bytes: u64, before: u64) -> (Vec<Effect>, Result<(), DeployRejection>) {
        // One at a time, so that two bodies are not granted the same room.
        let _asking = self.room.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (own, token, now) = (self.shards.of_put(put), &put.deployer.token, protocol_now());
        let opens = own.protocol().opens(put);
        let counted = |bytes| own.protocol().counted(put, bytes);
        let more = counted(bytes).saturating_sub(counted(before));
        let (mut effects, mut oldest_first) = (Vec::new(), None);
        loop {
            let held = self.shards.iter().map(|shard| shard.protocol().held_by(token));
            let held = held.fold(Held::default(), Held::plus);
            let Err(too_much) = self.settings.check_room(put, held, opens, more) else {
                own.protocol().reserve(put, bytes);
                return (effects, Ok(()));
            };
            // Collected only once, because there may be thousands.
            let quiet = oldest_first.get_or_insert_with(|| {
                let mut all = Vec::new();
                for shard in self.shards.iter() {
                    all.extend(shard.protocol().quiet(now, put).into_iter().map(|quiet| (quiet, shard)));
                }
                all.sort_by(|(one, _), (other, _)| one.cmp(other));
                all.into_iter()
            });
            let Some((quiet, shard)) = quiet.next() else { return (effects, Err(too_much)) };
            // Whoever has the turn may be working on its files.
            if let Some(_turn) = shard.try_turn() {
                effects.extend(shard.protocol().drop_quiet(now, &quiet));
            }
        }
    }
}
