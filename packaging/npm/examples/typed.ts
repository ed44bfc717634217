// What the types promise: held by the compiler, never run.
import { start, type Book, type World } from "callsheet-mock";

export async function paidOnce(world: World): Promise<boolean> {
  const book: Book = await world.book();
  return book.creates === 1 && book.duplicates.length === 0;
}

export async function all(): Promise<void> {
  const server = await start({ scenario: "lossy" });
  const counted: number = await server.verify({ match: "anna", at_most: 1 });
  await server.world().task("task-1", { status: "failed", code: "service_error" });
  // @ts-expect-error: a misspelt field is an error.
  await server.verify({ mtach: "anna" });
  console.log(counted);
  await server.stop();
}
