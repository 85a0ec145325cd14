// Keeps the page's files, so that it works without a network. vite.config.js fills in the two names.
const VERSION = __VERSION__, FILES = __FILES__;

self.addEventListener("install", event => {
  event.waitUntil(caches.open(VERSION).then(cache => cache.addAll(FILES)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", event => {
  const old = names => Promise.all(names.filter(name => name !== VERSION).map(name => caches.delete(name)));
  event.waitUntil(caches.keys().then(old).then(() => self.clients.claim()));
});
self.addEventListener("fetch", event => {
  const {request} = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  event.respondWith(caches.open(VERSION).then(async cache => {
    const kept = await cache.match(request, {ignoreSearch: true});
    if (kept) return kept;
    const answer = await fetch(request);
    if (answer.ok) cache.put(request, answer.clone());
    return answer;
  }));
});
