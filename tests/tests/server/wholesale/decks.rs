//! Decks from their making to their end.

use telecom_proto::v1::{
    CreateDeckRequest, DeleteDeckRequest, ListDecksRequest, ShowDeckRequest, TrunkRole,
    UpdateDeckRequest,
};
use tonic::Code;

use super::super::packages::refused;
use super::super::process::fields;
use super::World;

fn create(name: &str, currency: &str, key: &str) -> CreateDeckRequest {
    CreateDeckRequest {
        name: name.to_owned(),
        currency: currency.to_owned(),
        idempotency_key: key.to_owned(),
    }
}

#[tokio::test]
async fn a_deck_lives_from_create_to_delete() {
    let world = World::new().await;
    let mut client = world.client().await;
    let made = client
        .create_deck(create("Sale", "EUR", "k"))
        .await
        .unwrap();
    let made = made.into_inner().deck.unwrap();
    assert_eq!(
        (made.name.as_str(), made.currency.as_str(), made.rate_count),
        ("Sale", "EUR", 0)
    );
    let again = client
        .create_deck(create("Sale", "EUR", "k"))
        .await
        .unwrap();
    assert_eq!(again.into_inner().deck.unwrap(), made);

    let taken = client.create_deck(create("Sale", "USD", ""));
    refused(taken, Code::AlreadyExists, "WHOLESALE_DECK_NAME_TAKEN").await;
    let wrong = client
        .create_deck(create(" ", "euro", ""))
        .await
        .unwrap_err();
    assert_eq!(fields(&wrong), ["name", "currency"]);

    let update = UpdateDeckRequest {
        id: made.id,
        etag: made.etag.clone(),
        name: "Retail".to_owned(),
    };
    let renamed = client.update_deck(update.clone()).await.unwrap();
    let renamed = renamed.into_inner().deck.unwrap();
    assert_eq!(renamed.name, "Retail");
    refused(
        client.update_deck(update),
        Code::FailedPrecondition,
        "ETAG_STALE",
    )
    .await;
    let shown = client
        .show_deck(ShowDeckRequest { id: made.id })
        .await
        .unwrap();
    assert_eq!(shown.into_inner().deck.unwrap(), renamed);

    let other = world.deck("Other", "USD").await;
    let page = ListDecksRequest {
        limit: 1,
        offset: 1,
    };
    let page = client.list_decks(page).await.unwrap().into_inner();
    assert_eq!((page.decks, page.total), (vec![other], 2));

    world.trunk("in", TrunkRole::Customer, Some(made.id)).await;
    let delete = DeleteDeckRequest {
        id: made.id,
        etag: String::new(),
    };
    let used = client.delete_deck(delete.clone());
    refused(used, Code::FailedPrecondition, "WHOLESALE_DECK_IN_USE").await;
    world.trunk("in", TrunkRole::Customer, None).await;
    client.delete_deck(delete.clone()).await.unwrap();
    refused(
        client.delete_deck(delete),
        Code::NotFound,
        "WHOLESALE_DECK_NOT_FOUND",
    )
    .await;

    let audit = "SELECT string_agg(method || ' ' || target, ', ' ORDER BY id) FROM audit_log \
        WHERE method LIKE '%Deck'";
    assert_eq!(
        world.sql(audit),
        "CreateDeck wholesale_deck/1, UpdateDeck wholesale_deck/1, CreateDeck wholesale_deck/3, \
         DeleteDeck wholesale_deck/1"
    );
}
