// A handful of keys of each type, for somebody who looks at an empty server.

const USERS = ['ada', 'grace', 'edsger', 'barbara', 'donald', 'frances'];
const PRODUCTS = ['lamp', 'chair', 'desk', 'kettle'];

export const SAMPLE_COMMANDS: readonly string[] = [
  ...USERS.map((user, at) => `HSET session:user:${user} name ${user} visits ${at * 7 + 3} city Zürich`),
  ...USERS.map((user, at) => `EXPIRE session:user:${user} ${900 + at * 300}`),
  ...PRODUCTS.map((product, at) => `SET product:${product} "{\\"name\\":\\"${product}\\",\\"price\\":${at * 12 + 19}}"`),
  'RPUSH queue:mail welcome:ada invoice:1007 reminder:grace',
  'SADD tags:popular lamp desk',
  'ZADD leaderboard 412 ada 388 grace 251 edsger 240 barbara',
  'XADD events * kind login user ada',
  'XADD events * kind purchase user grace product desk',
  'INCRBY counter:visits 1842',
];
