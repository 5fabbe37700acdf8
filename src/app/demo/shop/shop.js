// The shop's script: fetches reviews, and tells whether this page was traced. Nothing in it is about tracing otherwise: the
// call below joins the page's trace by itself.
const traceparent = document.querySelector('meta[name="traceparent"]')?.content;

if (traceparent) {
  const code = document.createElement('code');
  code.textContent = traceparent.split('-')[1];
  document.querySelector('#trace').replaceChildren('This page was traced. Its trace: ', code);
}

const list = document.querySelector('#reviews');

async function reviews() {
  const answer = await fetch(`/api/products/${list.dataset.slug}/reviews`);
  if (!answer.ok) throw new Error(`the shop answered ${answer.status}`);
  const items = (await answer.json()).reviews.map(({ author, stars, text }) => {
    const item = document.createElement('li');
    item.textContent = `${'★'.repeat(stars)} ${text} (${author})`;
    return item;
  });
  list.replaceChildren(...items);
}

function show() {
  reviews().catch((error) => {
    list.textContent = `No reviews: ${error.message}`;
  });
}

if (list) {
  show();
  document.querySelector('#again').addEventListener('click', show);
}
