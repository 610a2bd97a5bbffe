// SPDX-License-Identifier: BSL-1.0
const server = require('http').createServer({ noDelay: true }, (request, response) => {
  response.sendDate = false;
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 7 });
  response.end('Hello!\n');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
