// Carts of our own, written by Emmett: node carts.mjs sqlite FILE, or node carts.mjs postgresql URL.
const [kind, where] = process.argv.slice(2);
const store =
  kind === 'sqlite'
    ? (await import('@event-driven-io/emmett-sqlite')).getSQLiteEventStore({
        fileName: where,
        schema: { autoMigration: 'CreateOrUpdate' },
      })
    : (await import('@event-driven-io/emmett-postgresql')).getPostgreSQLEventStore(where);

const added = (productId, quantity, price) => ({
  type: 'ProductItemAdded',
  data: { productItem: { productId, quantity, price } },
});
await store.appendToStream('shopping_cart-1', [
  { ...added('pen', 2, 1.5), metadata: { correlationId: 'story-1', causationId: 'click-7', clientId: 'ada' } },
  { type: 'DiscountApplied', data: { percent: 10, big: 12345678901234567890n, at: new Date(0) } },
]);
await store.appendToStream('shopping_cart-2', [added('é/ü', 1, 3)]);
await store.appendToStream('shopping_cart/Ada:3', [added('cup', 1, 3.25)]);
await store.appendToStream('shopping_cart-1', [{ type: 'ShoppingCartConfirmed', data: { by: null, items: [1, 2] } }]);
await store.close?.();
