//! What a call would cost, without storing it.

use super::messages::{AdminRateCall, RatedBy, RatedSides};
use super::thing;
use crate::domain::manage::ManageService;
use crate::domain::wholesale::rate_facts;
use crate::domain::{Context, DomainError, Obstacle, Processor};
use crate::pbxs::PbxId;
use crate::store::{Transaction, retry_conflicts, wholesale_rates};
use crate::wholesale::{CallFacts, Mapping, Rating, Side, digits};

impl Processor<AdminRateCall> for ManageService {
    type Output = RatedSides;

    async fn process(
        &self,
        context: &Context,
        input: AdminRateCall,
    ) -> Result<RatedSides, DomainError> {
        let input = &input;
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let sides = rated(&mut transaction, input).await?;
            transaction.commit().await?;
            Ok(sides)
        })
        .await
    }
}

async fn rated(
    transaction: &mut Transaction,
    input: &AdminRateCall,
) -> Result<RatedSides, DomainError> {
    let at = match input.at {
        Some(at) => at,
        None => transaction.now().await?,
    };
    let call = CallFacts {
        pbx: PbxId(0),
        start_time: at,
        answer_time: input.talk_ms.map(|_| at),
        talk_ms: input.talk_ms.unwrap_or_default(),
        to_number: &input.number,
        callee: "",
        sip_trunk_id: "",
        outbound_sip_trunk_id: "",
    };
    match &input.by {
        RatedBy::Deck(deck) => {
            let number = digits(&call);
            let terms = wholesale_rates::of_deck(transaction, *deck, number.as_deref(), at).await?;
            let terms = terms.ok_or_else(|| Obstacle::Missing(thing(*deck)))?;
            let side = Side::of("", Mapping::Deck(terms), number.is_some(), input.talk_ms);
            Ok(RatedSides {
                sides: vec![(None, side)],
                profit_micro: None,
            })
        }
        RatedBy::Trunks {
            pbx,
            incoming,
            outgoing,
        } => {
            let call = CallFacts {
                pbx: *pbx,
                sip_trunk_id: incoming,
                outbound_sip_trunk_id: outgoing,
                ..call
            };
            let ratings = rate_facts(transaction, &[call]).await?;
            let sides = ratings.iter().flat_map(Rating::sides);
            let sides = sides.filter(|(_, side)| **side != Side::NoTrunk);
            let profit = ratings.first().and_then(Rating::profit_micro);
            Ok(RatedSides {
                sides: sides
                    .map(|(name, side)| (Some(name), side.clone()))
                    .collect(),
                profit_micro: profit.map(|(_, micro)| micro),
            })
        }
    }
}
