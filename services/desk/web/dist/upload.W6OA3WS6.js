import{a,b,c,d,e}from"./chunk.X4TNXZO5.js";import"./chunk.7JJ7XUBG.js";export{d as again,a as choose,e as drop,b as restore,c as sent};
