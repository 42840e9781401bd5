// A site made with Express around the recipe of the manual: RECIPE and PORT come in.
import { runInThisContext } from 'node:vm';
import express from 'express';
import session from 'express-session';

const app = express();
app.use(session({ secret: 'only-for-this-test-0123456789abcdef', resave: false, saveUninitialized: false }));
app.get('/sign-in', (req, res) => {
  req.session.userId = Number(req.query.id);
  res.status(204).end();
});
app.get('/sign-out', (req, res) => req.session.destroy(() => res.status(204).end()));
runInThisContext(`(app) => {${process.env.RECIPE}}`)(app);
app.listen(Number(process.env.PORT), '127.0.0.1');
