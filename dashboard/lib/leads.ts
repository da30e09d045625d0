// What each part of a page is there for, in one sentence: it stands in the exported page, so that who waits reads more than a
// title. By the `tab` of the address; the first is that of an address without one.
export const CONSOLE = {
  '': 'Commands as one types them in a terminal, answered by this server: completed from its own table, with their grammar and what they cost.',
};
export const MONITORING = {
  overview: 'How the server is doing: latency, throughput, memory, network, clients and processor, as they are now and as they were within the last hour.',
  commands: 'Which commands the server is asked for, how often, how long they take and how many of them fail or are refused, all of it counted by the server.',
  slowlog: 'The commands that took longer than the threshold: when, how long, who asked, and for which key; one by one, or those of the same shape together.',
  clients: 'Who is connected: from where, as which user, since when, what was asked last, and how much memory the connection takes on the server’s side.',
  hotkeys: 'The keys that clients use most. They are counted all the time, at next to no cost, so that what was used a moment ago is known here already.',
  memory: 'Where the memory goes: to keys and values, to tables, to the buffers of clients and to the allocator, beside what the system has given.',
  pubsub: 'The channels and patterns that clients have subscribed to, how many listen to each of them, and what is said on those that you listen to.',
  alerts: 'What is watched, what is firing and what has fired: rules about the server’s own figures, and the webhooks that are told when one is broken.',
};
export const SNAPSHOTS = {
  '': 'What would be left after a crash or a power cut, and what one can go back to: the log of changes, the snapshots, and how each of them is doing.',
};
export const PLAYGROUND = {
  benchmark: 'How many requests a second this server answers, and how long they take: a mix of commands, run as a job and compared with the runs before it.',
  generator: 'Made-up data to try things on: keys of the types and the sizes that you choose, under a prefix of their own, made by a job that can be stopped.',
  lab: 'Short experiments that answer a “what if” by trying it on this server, on keys of their own, which are removed when the experiment ends.',
};
export const SETTINGS = {
  server: 'How the server is configured: each setting with its value, its default, where the value comes from, and whether it can change while running.',
  access: 'Who may do what: the users of the server’s ACL with their roles, commands, keys and channels, and what becomes of them when it starts again.',
  audit: 'Who did what, and when: logins, refusals, changes of settings and of users, and what was written from these pages; each with its user, with the address that it came from, and with what it was about.',
  session: 'Your own session and the others that are open: since when, from where, until when, and whether they may write; each of them can be ended.',
  appearance: 'How these pages look and which keys they answer to: theme, density, motion and shortcuts, all of it kept in this browser and nowhere else.',
};
